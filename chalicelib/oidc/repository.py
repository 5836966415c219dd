"""Login tokens in the identity table.

USER#<id> / login   what the provider gave when the user last signed in, sealed
"""

from datetime import datetime

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from chalicelib.identity.errors import AccountChangedError
from chalicelib.identity.repository import IdentityRepository
from chalicelib.oidc.models import LoginTokens
from chalicelib.storage import Database, Item, UTCDateTime
from chalicelib.storage.conditions import refusal_ignored


class LoginTokensItem(Item):
    """A user's tokens at the provider."""

    access_token = BinaryAttribute(legacy_encoding=False)
    refresh_token = BinaryAttribute(legacy_encoding=False)
    scope = UnicodeAttribute()
    expires_at = UTCDateTime(null=True)
    signed_in_at = UTCDateTime()


class LoginTokensRepository:
    """Stores login tokens; never sees one in the clear."""

    def __init__(self, database: Database, identity: IdentityRepository) -> None:
        self._database = database
        self._identity = identity
        self._tokens = database.bind(LoginTokensItem, "identity")

    def find(self, user_id: str) -> LoginTokens | None:
        """What the provider gave when a user last signed in."""
        item = self._tokens.find(f"USER#{user_id}", "login")
        if item is None:
            return None
        return LoginTokens(
            access_token=item.access_token,
            refresh_token=item.refresh_token,
            scope=item.scope,
            expires_at=item.expires_at,
        )

    def put(self, user_id: str, tokens: LoginTokens, now: datetime) -> None:
        """Store tokens in place of the former ones.

        Raises:
            InvalidTokenError: the user was suspended or deleted meanwhile.
        """
        transaction = self._database.transaction()
        self._identity.require_active(transaction, user_id)
        item = self._tokens(
            PK=f"USER#{user_id}",
            SK="login",
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            scope=tokens.scope,
            expires_at=tokens.expires_at,
            signed_in_at=now,
        )
        anything = self._tokens.absent() | self._tokens.present()
        transaction.put(item, anything, AccountChangedError())
        transaction.commit()

    def remove_all_of(self, user_id: str) -> bool:
        """Forget a deleted user's tokens; implements `identity.ports.Belongings`."""
        item = self._tokens(f"USER#{user_id}", "login")
        with refusal_ignored():
            item.delete(condition=self._tokens.present())
        return True

"""Login tokens in the identity table.

USER#<id> / login   what the provider gave when the user last signed in, sealed
"""

from datetime import datetime

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from chalicelib.identity.errors import AccountChangedError
from chalicelib.identity.repository import IdentityRepository
from chalicelib.oidc.models import LoginTokens
from chalicelib.storage import Database, Item, UTCDateTime
from chalicelib.storage.conditions import refusal_ignored, refused_as


class LoginTokensItem(Item):
    """A user's tokens at the provider."""

    issuer = UnicodeAttribute(default="")
    access_token = BinaryAttribute(legacy_encoding=False)
    refresh_token = BinaryAttribute(legacy_encoding=False)
    scope = UnicodeAttribute()
    expires_at = UTCDateTime(null=True)
    signed_in_at = UTCDateTime()
    lease_holder = UnicodeAttribute(null=True)
    lease_until = UTCDateTime(null=True)


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
            issuer=item.issuer,
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
            issuer=tokens.issuer,
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            scope=tokens.scope,
            expires_at=tokens.expires_at,
            signed_in_at=now,
        )
        anything = self._tokens.absent() | self._tokens.present()
        transaction.put(item, anything, AccountChangedError())
        transaction.commit()

    def claim(
        self, user_id: str, tokens: LoginTokens, holder: str, now: datetime, until: datetime
    ) -> bool:
        """Take the lease on refreshing tokens; False if another has it, or they have changed.

        A sealed value is another each time, so it tells whether they have. A holder that died loses
        the lease at `until`.
        """
        names = self._tokens
        # Or ours already: botocore sends a write again when its answer was lost.
        is_free = (
            names.lease_until.does_not_exist()
            | (names.lease_until <= now)
            | (names.lease_holder == holder)
        )
        try:
            with refused_as(AccountChangedError()):
                self._key_of(user_id).update(
                    actions=[names.lease_holder.set(holder), names.lease_until.set(until)],
                    condition=(names.access_token == tokens.access_token) & is_free,
                )
        except AccountChangedError:
            return False
        return True

    def complete(self, user_id: str, renewed: LoginTokens, holder: str) -> bool:
        """Store refreshed tokens and give the lease back.

        False if the lease is lost: the user was deleted or signed in again, or the holder took too
        long. What won stays.
        """
        names = self._tokens
        try:
            with refused_as(AccountChangedError()):
                self._key_of(user_id).update(
                    actions=[
                        names.access_token.set(renewed.access_token),
                        names.refresh_token.set(renewed.refresh_token),
                        names.scope.set(renewed.scope),
                        names.expires_at.set(renewed.expires_at)
                        if renewed.expires_at
                        else names.expires_at.remove(),
                        names.lease_holder.remove(),
                        names.lease_until.remove(),
                    ],
                    # Or these very ones are there: a sealed value is another each time.
                    condition=(names.lease_holder == holder)
                    | (names.access_token == renewed.access_token),
                )
        except AccountChangedError:
            return False
        return True

    def release(self, user_id: str, holder: str) -> None:
        """Give the lease back unused; nothing happens if it is lost."""
        names = self._tokens
        with refusal_ignored():
            self._key_of(user_id).update(
                actions=[names.lease_holder.remove(), names.lease_until.remove()],
                condition=names.lease_holder == holder,
            )

    def remove_all_of(self, user_id: str) -> bool:
        """Forget a deleted user's tokens; implements `identity.ports.Belongings`."""
        with refusal_ignored():
            self._key_of(user_id).delete(condition=self._tokens.present())
        return True

    def _key_of(self, user_id: str) -> LoginTokensItem:
        return self._tokens(f"USER#{user_id}", "login")

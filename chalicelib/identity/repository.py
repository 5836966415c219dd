"""The identity table.

USER#<id>      / account       an account: the user, their tokens, their OpenID Connect login
USERS          / <user name>   the directory: keeps a user name unique, and lists the users
EMAIL#<e-mail> / guard         keeps an e-mail address unique
OIDC#<iss>#<sub> / guard       keeps a login unique
TOKEN#<digest> / token         a credential, by the SHA-256 of its text; removed by TTL
OWNERS         / active        the ids of the active owners, of which there must be one
DELETING       / <id>          a user whose deletion is not finished

Everything but the account follows from the account, and is written with it in one transaction,
together with its event of the audit log. So a
credential is there if and only if its user is active, has the token, and has these very roles.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.identity.errors import (
    AccountChangedError,
    InvalidTokenError,
    LastOwnerError,
    LoginTakenError,
    TokenExistsError,
    UserExistsError,
    UserNotFoundError,
)
from chalicelib.identity.items import (
    AccountItem,
    CredentialItem,
    DirectoryItem,
    GuardItem,
    OwnersItem,
)
from chalicelib.identity.models import Account, Credential, Login, Token, User, UserStatus
from chalicelib.identity.records import (
    DIRECTORY,
    account_attributes,
    credential_attributes,
    email_key,
    entry_attributes,
    login_key,
    to_account,
    to_credential,
    to_user,
    token_key,
    user_key,
)
from chalicelib.storage import Database, Item, Transaction
from chalicelib.storage.conditions import refusal_ignored

Extend = Callable[[Transaction], None]
"""Adds writes of another package to a transaction of this one."""

_DELETING = "DELETING"
_ENTRIES_PER_CALL = 1000  # A filter is applied after so many are read.


class IdentityRepository:
    """Stores accounts and what follows from them."""

    def __init__(self, database: Database, audit: AuditRepository) -> None:
        self._database = database
        self._audit = audit
        self._accounts = database.bind(AccountItem, "identity")
        self._directory = database.bind(DirectoryItem, "identity")
        self._guards = database.bind(GuardItem, "identity")
        self._credentials = database.bind(CredentialItem, "identity")
        self._owners = database.bind(OwnersItem, "identity")

    def find(self, user_id: str) -> Account | None:
        """An account, whatever its status."""
        item = self._accounts.find(user_key(user_id), "account")
        return None if item is None else to_account(item)

    def find_users(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Users by id, whatever their status; a read for every hundred."""
        keys = [(user_key(user_id), "account") for user_id in user_ids]
        found = self._accounts.batch_get(keys, consistent_read=True) if keys else ()
        return {item.user_id: to_user(item) for item in found}

    def find_id_by_email(self, email: str) -> str | None:
        """The id of the user with an e-mail address."""
        return self._find_guarded(email_key(email))

    def find_id_by_login(self, login: Login) -> str | None:
        """The id of the user who is this person at an OpenID Connect provider."""
        return self._find_guarded(login_key(login))

    def list_users(
        self, *, limit: int, after: str, search: str, status: UserStatus | None
    ) -> list[User]:
        """Users by user name, from the one after `after` on.

        Args:
            limit: how many at most.
            after: a user name; empty for the beginning.
            search: what the user name, the e-mail address or the name contains, in any case.
            status: what their status is.
        """
        wanted: Condition | None = None
        if search:
            wanted = self._directory.search.contains(search.casefold())
        if status:
            has_status = self._directory.status == status.value
            wanted = has_status if wanted is None else wanted & has_status
        found = self._directory.query(
            DIRECTORY,
            self._directory.SK > after.casefold() if after else None,  # noqa: SIM300
            filter_condition=wanted,
            consistent_read=True,
            limit=limit,
            page_size=limit if wanted is None else _ENTRIES_PER_CALL,
        )
        return [to_user(item) for item in found]

    def list_deleting_ids(self, limit: int) -> list[str]:
        """The ids of users whose deletion is not finished."""
        found = self._guards.query(_DELETING, consistent_read=True, limit=limit)
        return [str(item.user_id) for item in found]

    def find_credential(self, digest: str) -> Credential | None:
        """A credential by its token's digest, expired or not."""
        item = self._credentials.find(token_key(digest), "token")
        return None if item is None else to_credential(item, digest)

    def find_last_uses(self, tokens: Sequence[Token]) -> dict[str, datetime]:
        """When tokens were last used, by digest; at most one read."""
        keys = [(token_key(token.digest), "token") for token in tokens]
        found = self._credentials.batch_get(keys, consistent_read=True) if keys else ()
        return {
            item.PK.removeprefix("TOKEN#"): item.last_used_at for item in found if item.last_used_at
        }

    def record_use(self, digest: str, now: datetime, not_since: datetime) -> None:
        """Note that a token is used, unless somebody noted it lately or the token is gone."""
        known = self._credentials.last_used_at
        with refusal_ignored():
            self._credentials(token_key(digest), "token").update(
                actions=[known.set(now)],
                condition=self._credentials.present()
                & (known.does_not_exist() | (known <= not_since)),
            )

    def require_active(self, transaction: Transaction, user_id: str) -> None:
        """Let a transaction of another package fail unless the user is still active.

        The refusal is an InvalidTokenError: the request began before the user was locked out.
        """
        transaction.check(
            self._accounts,
            (user_key(user_id), "account"),
            self._accounts.status == UserStatus.ACTIVE.value,
            InvalidTokenError(),
        )

    def require_present(self, transaction: Transaction, user_id: str) -> None:
        """Let a transaction of another package fail, as UserNotFoundError, if a user is gone."""
        transaction.check(
            self._accounts,
            (user_key(user_id), "account"),
            self._accounts.status.is_in(UserStatus.ACTIVE.value, UserStatus.SUSPENDED.value),
            UserNotFoundError(),
        )

    def add(self, account: Account, event: NewEvent, extend: Extend | None = None) -> None:
        """Store a new account; `extend` adds what shall come about with it.

        Raises:
            UserExistsError: the e-mail address or the user name is taken.
            LoginTakenError: another user has the login.
            TokenExistsError: one of its tokens is stored already.
        """
        self._write(None, account, event, extend)

    def replace(self, before: Account, after: Account, event: NewEvent) -> None:
        """Store an account in place of what was read.

        Raises:
            AccountChangedError: somebody else has changed the account meanwhile.
            UserExistsError: the e-mail address or the user name is taken.
            LoginTakenError: another user has the login.
            TokenExistsError: a new token is stored already.
            LastOwnerError: no active owner would be left.
        """
        self._write(before, after, event)

    def remove(self, user_id: str) -> None:
        """Forget an account whose deletion is finished; that it began is recorded.

        Raises:
            AccountChangedError: it is gone, or was never marked.
        """
        transaction = self._database.transaction()
        marked = self._accounts.status == UserStatus.DELETING.value
        account = self._accounts(user_key(user_id), "account")
        transaction.delete(account, marked, AccountChangedError())
        marker = self._guards(_DELETING, user_id)
        transaction.delete(marker, self._guards.present(), AccountChangedError())
        transaction.commit()

    def _write(
        self,
        before: Account | None,
        after: Account,
        event: NewEvent,
        extend: Extend | None = None,
    ) -> None:
        transaction = self._audit.transaction(event)
        if before is None:
            unchanged: Condition = self._accounts.absent()
        else:
            unchanged = self._accounts.at_version(before.version)
        version = before.version + 1 if before else 1
        transaction.put(
            self._accounts(**account_attributes(after, version)), unchanged, AccountChangedError()
        )
        self._write_names(transaction, before, after)
        self._write_credentials(transaction, before, after)
        self._write_owners(transaction, before, after)
        if extend:
            extend(transaction)
        transaction.commit()

    def _write_names(
        self, transaction: Transaction, before: Account | None, after: Account
    ) -> None:
        """The unique names and the directory; a user being deleted frees them all."""
        old, new = self._names_of(before), self._names_of(after)
        for key in old.keys() - new.keys():
            transaction.delete(self._guards(*key), self._guards.present(), AccountChangedError())
        for key, (item, taken) in new.items():
            if key not in old:
                transaction.put(item, item.absent(), taken)
            elif old[key][0].serialize() != item.serialize():
                transaction.put(item, item.present(), AccountChangedError())

    def _names_of(self, account: Account | None) -> dict[tuple[str, str], tuple[Item, Exception]]:
        if account is None:
            return {}
        user = account.user
        if user.status is UserStatus.DELETING:
            marker = self._guards(_DELETING, user.id, user_id=user.id)
            return {(_DELETING, user.id): (marker, AccountChangedError())}
        names: list[tuple[Item, Exception]] = [
            (self._directory(**entry_attributes(user)), UserExistsError("user name")),
            (
                self._guards(email_key(user.email), "guard", user_id=user.id),
                UserExistsError("e-mail address"),
            ),
        ]
        if account.login:
            guard = self._guards(login_key(account.login), "guard", user_id=user.id)
            names.append((guard, LoginTakenError()))
        return {(item.PK, item.SK): (item, taken) for item, taken in names}

    def _write_credentials(
        self, transaction: Transaction, before: Account | None, after: Account
    ) -> None:
        old = {each.token.digest: each for each in (before.credentials if before else ())}
        new = {each.token.digest: each for each in after.credentials}
        for digest in old.keys() - new.keys():
            # Whether it is there or not: DynamoDB's TTL may have been quicker.
            condition = self._credentials.present() | self._credentials.absent()
            item = self._credentials(token_key(digest), "token")
            transaction.delete(item, condition, AccountChangedError())
        for digest, credential in new.items():
            item = self._credentials(**credential_attributes(credential))
            if digest not in old:
                transaction.put(item, self._credentials.absent(), TokenExistsError())
            elif old[digest] != credential:
                changed: list[Action] = [
                    self._credentials.roles.set(list(credential.roles)),
                    self._credentials.username.set(credential.username),
                ]
                present = self._credentials.present()
                transaction.update(item, changed, present, AccountChangedError())

    def _write_owners(
        self, transaction: Transaction, before: Account | None, after: Account
    ) -> None:
        was_owner = before is not None and before.is_active_owner
        if was_owner == after.is_active_owner:
            return
        item, ids = self._owners("OWNERS", "active"), self._owners.user_ids
        if after.is_active_owner:
            condition = self._owners.present() | self._owners.absent()
            transaction.update(item, [ids.add({after.user.id})], condition, LastOwnerError())
        else:
            others: Condition = size(ids) > 1
            transaction.update(item, [ids.delete({after.user.id})], others, LastOwnerError())

    def _find_guarded(self, key: str) -> str | None:
        guard = self._guards.find(key, "guard")
        return None if guard is None else str(guard.user_id)

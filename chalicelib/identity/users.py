"""People: who is listed, added, changed, suspended, removed, and by whom."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.identity.accounts import Accounts, resolve_user_id
from chalicelib.identity.auditing import describe_user, did_to_user
from chalicelib.identity.errors import (
    AccountChangedError,
    InvalidUserQueryError,
    UserNotFoundError,
)
from chalicelib.identity.models import Account, Actor, TokenKind, User, UserStatus
from chalicelib.identity.permissions import Permission, SiteRole
from chalicelib.identity.ports import Belongings
from chalicelib.primitives import new_id, parse_id

if TYPE_CHECKING:
    from chalicelib.sdk.requests.identity import CreateUserRequest, UpdateUserRequest

_MOST_PER_PAGE = 100
_LONGEST_SEARCH = 128


@dataclass(frozen=True, slots=True)
class UserPage:
    """Some users by user name, and whether there are more."""

    users: tuple[User, ...]
    has_more: bool


class UserService:
    """Manages users; lives as long as the container.

    Args:
        accounts: where they are kept.
        belongings: gives what users have elsewhere, which goes with them; asked for when somebody
            is deleted, since few functions do that.
    """

    def __init__(self, accounts: Accounts, belongings: Callable[[], Sequence[Belongings]]) -> None:
        self._accounts = accounts
        self._repository = accounts.repository
        self._belongings = belongings

    def list_page(
        self, actor: Actor, *, limit: int, after_id: str | None, search: str, status: str | None
    ) -> UserPage:
        """Users by user name; those being deleted only if they are asked for.

        Raises:
            NotAllowedError: the actor may not see other users.
            InvalidUserQueryError: the limit, the status or `after_id` is unusable.
        """
        actor.require(Permission.USER_READ)
        if not 1 <= limit <= _MOST_PER_PAGE:
            raise InvalidUserQueryError("limit", f"must be from 1 to {_MOST_PER_PAGE}")
        if len(search) > _LONGEST_SEARCH:
            raise InvalidUserQueryError("q", f"must have at most {_LONGEST_SEARCH} characters")
        if status not in {None, *UserStatus}:
            raise InvalidUserQueryError("status", f"must be one of {', '.join(UserStatus)}")
        if status == UserStatus.DELETING:
            return self._list_deleting(limit)
        found = self._repository.list_users(
            limit=limit + 1,
            after=self._user_name_of(after_id) if after_id else "",
            search=search.strip(),
            status=UserStatus(status) if status else None,
        )
        return UserPage(tuple(found[:limit]), has_more=len(found) > limit)

    def get(self, actor: Actor, user_id: str) -> User:
        """A user by id, or the actor for `me`.

        Raises:
            UserNotFoundError: there is none, or the actor may see only themselves.
        """
        wanted = resolve_user_id(actor, user_id)
        if wanted != actor.user_id and not actor.may(Permission.USER_READ):
            raise UserNotFoundError
        return self._accounts.get(wanted).user

    def create(self, actor: Actor, request: "CreateUserRequest") -> User:
        """Add a person.

        Raises:
            NotAllowedError: the actor may not.
            UserExistsError: the e-mail address or the user name is taken.
        """
        actor.require(Permission.USER_WRITE)
        now = self._accounts.clock()
        user = User(
            id=new_id(),
            email=request.email,
            username=request.username,
            name=request.name,
            roles=_roles(request.roles),
            status=UserStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )
        account = Account(user=user)
        made = diff({}, describe_user(account))
        event = actor.did(Action.CREATE, ObjectType.USER, user.id, made)
        self._repository.add(account, event)
        return user

    def update(self, actor: Actor, user_id: str, request: "UpdateUserRequest") -> User:
        """Change a person; what is not named stays. Everybody may change their own name.

        New roles hold from the next request on, with every token.

        Raises:
            UserNotFoundError: there is none, or the actor may see only themselves.
            NotAllowedError: the actor may change no more of themselves than the name.
            UserExistsError: the e-mail address or the user name is taken.
            LastOwnerError: no active owner would be left.
        """
        wanted = resolve_user_id(actor, user_id)
        if wanted != actor.user_id and not actor.may(Permission.USER_WRITE):
            raise UserNotFoundError
        if any(each is not None for each in (request.email, request.username, request.roles)):
            actor.require(Permission.USER_WRITE)

        def change(account: Account) -> Account:
            user = account.user
            changed = replace(
                user,
                name=user.name if request.name is None else request.name,
                email=request.email or user.email,
                username=request.username or user.username,
                roles=user.roles if request.roles is None else _roles(request.roles),
            )
            return account if changed == user else self._touched(account, changed)

        return self._accounts.change(wanted, change, did_to_user(actor, Action.UPDATE)).user

    def suspend(self, actor: Actor, user_id: str) -> User:
        """Lock a person out at once: sessions end, API tokens wait until they are active again.

        Raises:
            NotAllowedError: the actor may not.
            UserNotFoundError: there is none.
            LastOwnerError: no active owner would be left.
        """
        actor.require(Permission.USER_WRITE)

        def change(account: Account) -> Account:
            if not account.is_active:
                return account
            kept = [each for each in account.tokens if each.kind is TokenKind.API]
            # Their credentials go, and with them when they were last used.
            uses = self._repository.find_last_uses(kept)
            tokens = (
                replace(each, last_used_at=uses.get(each.digest, each.last_used_at))
                for each in kept
            )
            suspended = replace(account.user, status=UserStatus.SUSPENDED)
            return replace(self._touched(account, suspended), tokens=tuple(tokens))

        describe = did_to_user(actor, Action.UPDATE)
        return self._accounts.change(resolve_user_id(actor, user_id), change, describe).user

    def activate(self, actor: Actor, user_id: str) -> User:
        """Let a suspended person in again; their API tokens are good again.

        Raises:
            NotAllowedError: the actor may not.
            UserNotFoundError: there is none.
        """
        actor.require(Permission.USER_WRITE)
        now = self._accounts.clock()

        def change(account: Account) -> Account:
            if account.is_active:
                return account
            active = replace(account.user, status=UserStatus.ACTIVE)
            current = account.without_tokens(lambda each: each.expires_at <= now)
            return self._touched(current, active)

        describe = did_to_user(actor, Action.UPDATE)
        return self._accounts.change(resolve_user_id(actor, user_id), change, describe).user

    def delete(self, actor: Actor, user_id: str) -> bool:
        """Remove a person and what they have.

        The first write locks them out, hides them and frees their names, so an interruption leaves
        nothing visible; a repeated call finishes.

        Returns:
            Whether nothing is left; otherwise the call is to be repeated.

        Raises:
            NotAllowedError: the actor may not.
            UserNotFoundError: there is none.
            LastOwnerError: no active owner would be left.
        """
        actor.require(Permission.USER_WRITE)
        wanted = resolve_user_id(actor, user_id)
        account = self._repository.find(wanted)
        if account is None:
            raise UserNotFoundError
        if account.user.status is not UserStatus.DELETING:
            with suppress(UserNotFoundError):  # Another call was quicker to mark them.
                self._accounts.change(wanted, self._marked, did_to_user(actor, Action.DELETE))
        finished = [each.remove_all_of(wanted) for each in self._belongings()]
        if not all(finished):
            return False
        with suppress(AccountChangedError):  # Another call has finished it.
            self._repository.remove(wanted)
        return True

    def _marked(self, account: Account) -> Account:
        deleting = replace(account.user, status=UserStatus.DELETING)
        return replace(self._touched(account, deleting), tokens=(), login=None)

    def _touched(self, account: Account, user: User) -> Account:
        return replace(account, user=replace(user, updated_at=self._accounts.clock()))

    def _list_deleting(self, limit: int) -> UserPage:
        ids = self._repository.list_deleting_ids(limit + 1)
        found = [self._repository.find(user_id) for user_id in ids[:limit]]
        users = tuple(account.user for account in found if account)
        return UserPage(users, has_more=len(ids) > limit)

    def _user_name_of(self, user_id: str) -> str:
        parsed = parse_id(user_id)
        account = self._accounts.find(parsed) if parsed else None
        if account is None:
            raise InvalidUserQueryError("after_id", "is not the id of a user")
        return account.user.username


def _roles(names: Sequence[str]) -> tuple[SiteRole, ...]:
    return tuple(SiteRole(name) for name in dict.fromkeys([SiteRole.MEMBER.value, *names]))

"""Signing in as a person whom an OpenID Connect provider vouches for."""

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.audit import Action, NewEvent, ObjectType, RequestContext, diff
from chalicelib.identity.accounts import Accounts, new_token_text
from chalicelib.identity.auditing import describe_user, made_token
from chalicelib.identity.errors import (
    LockedOutError,
    LoginMismatchError,
    UserExistsError,
    UserNotFoundError,
)
from chalicelib.identity.models import Account, Actor, Login, Session, User, UserStatus
from chalicelib.identity.permissions import SiteRole
from chalicelib.identity.repository import Extend
from chalicelib.primitives import new_id

_OTHER_THAN_NAMES = re.compile(r"[^a-zA-Z0-9]+")
_LONGEST_BASE = 24
_MORE_NAMES = 4


class LoginService:
    """Links people to users, and begins their sessions; lives as long as the container."""

    def __init__(self, accounts: Accounts, session_lifetime: timedelta) -> None:
        self._accounts = accounts
        self._session_lifetime = session_lifetime

    def find_user_id(self, login: Login, email: str) -> str | None:
        """The user who is this person: the linked one, else the one with a verified address."""
        repository = self._accounts.repository
        linked = repository.find_id_by_login(login)
        return linked or (repository.find_id_by_email(email) if email else None)

    def sign_up(
        self,
        login: Login,
        email: str,
        name: str,
        preferred_username: str,
        request: RequestContext,
        extend: Callable[[Actor], Extend],
    ) -> str:
        """Make a user of a person who signs in for the first time; the id of the new user.

        Args:
            login: who they are at the provider.
            email: their verified address.
            name: how they are called.
            preferred_username: their user name there; a similar one is found if it is taken.
            request: from where they do it.
            extend: from the new user as an actor, what shall come about in the same transaction.

        Raises:
            UserExistsError: another user has the address.
            LoginTakenError: another user has the login.
        """
        taken = UserExistsError("user name")
        for username in _user_names(preferred_username or email.partition("@")[0]):
            user = _new_member(email, username, name, self._accounts.clock())
            try:
                self._add(Account(user=user, login=login), request, extend)
            except UserExistsError as exc:
                if exc.field != taken.field:
                    raise
                continue
            return user.id
        raise taken

    def start_session(self, user_id: str, login: Login, request: RequestContext) -> Session:
        """A browser session for a user who has just proved to be this person; links them.

        Raises:
            LockedOutError: the user is suspended or gone.
            LoginMismatchError: the user is another person of the same provider.
            LoginTakenError: another user is this person.
        """
        text = new_token_text()
        token = self._accounts.build_session(text, self._session_lifetime)

        def begin(account: Account) -> Account:
            if not account.is_active:
                raise LockedOutError
            known = account.login
            if known and known.issuer == login.issuer and known != login:
                raise LoginMismatchError
            return replace(account.with_token(token, self._accounts.clock()), login=login)

        def describe(before: Account, after: Account) -> NewEvent:
            made = made_token(_actor(after.user, request), Action.LOGIN, token)
            return made(before, after)

        try:
            account = self._accounts.change(user_id, begin, describe)
        except UserNotFoundError as exc:
            raise LockedOutError from exc
        return Session(account.user, token, text)

    def _add(
        self, account: Account, request: RequestContext, extend: Callable[[Actor], Extend]
    ) -> None:
        actor = _actor(account.user, request)
        made = diff({}, describe_user(account))
        event = actor.did(Action.CREATE, ObjectType.USER, account.user.id, made)
        self._accounts.repository.add(account, event, extend(actor))


def _new_member(email: str, username: str, name: str, now: datetime) -> User:
    return User(
        id=new_id(),
        email=email,
        username=username,
        name=name,
        roles=(SiteRole.MEMBER,),
        status=UserStatus.ACTIVE,
        created_at=now,
        updated_at=now,
    )


def _actor(user: User, request: RequestContext) -> Actor:
    """The user as who does something before they have a token; it is good for nothing else."""
    return Actor(user.id, user.roles, "", username=user.username, request=request)


def _user_names(preferred: str) -> Iterator[str]:
    """User names like the preferred one, the likest first."""
    base = _OTHER_THAN_NAMES.sub("-", preferred).strip("-")[:_LONGEST_BASE].strip("-") or "user"
    yield base
    for _ in range(_MORE_NAMES):
        yield f"{base}-{secrets.token_hex(3)}"

"""Users, tokens and sessions: who somebody is, and that it is really them."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from chalicelib.audit import Action, ObjectType, RequestContext, diff
from chalicelib.identity.auditing import describe_token, describe_user
from chalicelib.identity.errors import (
    InvalidTokenError,
    TokenExistsError,
    UserExistsError,
    UserNotFoundError,
    WeakTokenError,
)
from chalicelib.identity.models import (
    OPERATOR,
    Actor,
    Session,
    Token,
    TokenKind,
    User,
    UserStatus,
)
from chalicelib.identity.permissions import Permission, SiteRole
from chalicelib.identity.repository import IdentityRepository
from chalicelib.primitives import Clock, new_id, parse_id
from chalicelib.sdk.identity import CreateTokenRequest, CreateUserRequest

_TOKEN_PREFIX = "ciborium_"  # noqa: S105 -- lets secret scanners recognise a leaked token
_TOKEN_BYTES = 32
_LEAST_CHOSEN_TOKEN = 32
_FIRST_OWNER_EMAIL = "admin@localhost"
_FIRST_OWNER_TOKEN_LIFETIME = timedelta(days=365)


class IdentityService:
    """Authenticates actors and manages users; lives as long as the container."""

    def __init__(
        self, repository: IdentityRepository, clock: Clock, session_lifetime: timedelta
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._session_lifetime = session_lifetime

    def authenticate(self, unverified_token: str, request: RequestContext) -> Actor:
        """The actor whose token this is. Costs one read.

        The token is looked up by its hash, so the time of the answer tells nothing about it.

        Raises:
            InvalidTokenError: it is unknown or expired, or its user is suspended.
        """
        return _actor(self._verify(unverified_token), request)

    def get_user(self, actor: Actor, user_id: str) -> User:
        """A user by id, or the actor for `me`.

        Raises:
            UserNotFoundError: there is none, or the actor may see only themselves.
        """
        wanted = self._resolve(actor, user_id)
        user = None
        if wanted == actor.user_id or actor.may(Permission.USER_READ):
            user = self._repository.find_user(wanted)
        if user is None:
            raise UserNotFoundError
        return user

    def require_user(self, user_id: str) -> User:
        """A user by id, for the other services; they decide who may ask.

        Raises:
            UserNotFoundError: there is none.
        """
        parsed = parse_id(user_id)
        user = None if parsed is None else self._repository.find_user(parsed)
        if user is None:
            raise UserNotFoundError
        return user

    def find_users(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Users by id, for the other services; those who are gone are missing."""
        return self._repository.find_users(user_ids)

    def create_user(self, actor: Actor, request: CreateUserRequest) -> User:
        """Add a person.

        Raises:
            NotAllowedError: the actor may not.
            UserExistsError: the e-mail address or the user name is taken.
        """
        actor.require(Permission.USER_WRITE)
        roles = tuple(SiteRole(role) for role in dict.fromkeys(["member", *request.roles]))
        return self._add_user(actor, request.email, request.username, request.name, roles)

    def create_token(
        self, actor: Actor, user_id: str, request: CreateTokenRequest
    ) -> tuple[Token, str]:
        """A new API token for a user; its text is returned here and never again.

        Raises:
            UserNotFoundError: there is no such user, or the actor may make tokens only for
                themselves.
        """
        wanted = self._resolve(actor, user_id)
        if wanted != actor.user_id and not actor.may(Permission.USER_WRITE):
            raise UserNotFoundError
        user = self._repository.find_user(wanted)
        if user is None:
            raise UserNotFoundError
        text = _new_token_text()
        lifetime = timedelta(seconds=request.lifetime)
        token = self._new_token(user, text, TokenKind.API, request.token_name, lifetime)
        made = diff({}, describe_token(token))
        event = actor.did(Action.CREATE, ObjectType.TOKEN, token.id, made)
        self._repository.add_token(token, event)
        return token, text

    def start_session(self, unverified_token: str, request: RequestContext) -> Session:
        """A browser session for the user of a valid API token; it ends with that token.

        A session begins no other session: a stolen one could renew itself for ever.

        Raises:
            InvalidTokenError: the token is not valid, or is a session's.
        """
        parent = self._verify(unverified_token)
        user = self._repository.find_user(parent.user_id)
        if user is None or parent.kind is not TokenKind.API:
            raise InvalidTokenError
        text = _new_token_text()
        lifetime = min(self._session_lifetime, parent.expires_at - self._clock())
        token = self._new_token(user, text, TokenKind.SESSION, "session", lifetime)
        made = diff({}, describe_token(token))
        event = _actor(parent, request).did(Action.LOGIN, ObjectType.SESSION, token.id, made)
        self._repository.add_token(token, event)
        return Session(user, token, text)

    def end_session(self, actor: Actor) -> None:
        """Forget the token that the actor authenticated with."""
        event = actor.did(Action.LOGOUT, ObjectType.SESSION, actor.token_id, {})
        self._repository.remove_token(actor.token_digest, event)

    def ensure_first_owner(self, chosen_token: str) -> User:
        """Make the first admin with a chosen token, or see that both exist.

        For the operator's tools, which reach the tables themselves; no route leads here.

        Raises:
            WeakTokenError: the token is shorter than 32 characters.
        """
        if len(chosen_token) < _LEAST_CHOSEN_TOKEN:
            raise WeakTokenError
        user = self._find_or_add_first_owner()
        token = self._new_token(
            user, chosen_token, TokenKind.API, "first admin", _FIRST_OWNER_TOKEN_LIFETIME
        )
        made = diff({}, describe_token(token))
        event = OPERATOR.did(Action.CREATE, ObjectType.TOKEN, token.id, made)
        try:
            self._repository.add_token(token, event)
        except TokenExistsError:
            self._verify(chosen_token)  # It must still work; an expired one is reported.
        return user

    def _verify(self, unverified_token: str) -> Token:
        token = self._repository.find_token(_digest(unverified_token))
        if token is None or token.expires_at <= self._clock():
            raise InvalidTokenError
        if token.user_status is not UserStatus.ACTIVE:
            raise InvalidTokenError
        return token

    def _find_or_add_first_owner(self) -> User:
        user_id = self._repository.find_user_id_by_email(_FIRST_OWNER_EMAIL)
        user = None if user_id is None else self._repository.find_user(user_id)
        if user is not None:
            return user
        roles = (SiteRole.MEMBER, SiteRole.OWNER)
        try:
            return self._add_user(OPERATOR, _FIRST_OWNER_EMAIL, "admin", "First admin", roles)
        except UserExistsError:  # Another process was quicker.
            return self._find_or_add_first_owner()

    def _add_user(
        self, actor: Actor, email: str, username: str, name: str, roles: tuple[SiteRole, ...]
    ) -> User:
        now = self._clock()
        user = User(
            id=new_id(),
            email=email,
            username=username,
            name=name,
            roles=roles,
            status=UserStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )
        made = diff({}, describe_user(user))
        event = actor.did(Action.CREATE, ObjectType.USER, user.id, made)
        self._repository.add_user(user, event)
        return user

    def _new_token(
        self, user: User, text: str, kind: TokenKind, name: str, lifetime: timedelta
    ) -> Token:
        # Whole seconds: DynamoDB's TTL knows no smaller unit.
        now = self._clock().replace(microsecond=0)
        return Token(
            id=new_id(),
            digest=_digest(text),
            kind=kind,
            name=name,
            user_id=user.id,
            username=user.username,
            roles=user.roles,
            user_status=user.status,
            created_at=now,
            expires_at=now + lifetime,
        )

    @staticmethod
    def _resolve(actor: Actor, user_id: str) -> str:
        if user_id == "me":
            return actor.user_id
        parsed = parse_id(user_id)
        if parsed is None:
            raise UserNotFoundError
        return parsed


def _actor(token: Token, request: RequestContext) -> Actor:
    return Actor(token.user_id, token.roles, token.digest, token.id, token.username, request)


def _new_token_text() -> str:
    return _TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)


def _digest(token: str) -> str:
    """SHA-256 is enough for a random token: there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()

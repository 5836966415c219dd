"""Who somebody is, and that it is really them: authentication, and browsers' sessions."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from chalicelib.audit import Action, ObjectType, RequestContext, diff
from chalicelib.identity.accounts import Accounts, digest_of, new_token_text
from chalicelib.identity.auditing import describe_user, made_token
from chalicelib.identity.errors import (
    InvalidTokenError,
    TokenExistsError,
    UserExistsError,
    UserNotFoundError,
    WeakTokenError,
)
from chalicelib.identity.models import (
    OPERATOR,
    Account,
    Actor,
    Credential,
    Session,
    TokenKind,
    User,
    UserStatus,
)
from chalicelib.identity.permissions import SiteRole, TokenScope
from chalicelib.primitives import new_id, parse_id
from chalicelib.storage import StorageUnavailableError

_LEAST_CHOSEN_TOKEN = 32
_FIRST_OWNER_EMAIL = "admin@localhost"
_FIRST_OWNER_TOKEN_LIFETIME = timedelta(days=365)
_USE_IS_NOTED_EVERY = timedelta(hours=1)


class IdentityService:
    """Authenticates actors; lives as long as the container."""

    def __init__(self, accounts: Accounts, session_lifetime: timedelta) -> None:
        self._accounts = accounts
        self._repository = accounts.repository
        self._clock = accounts.clock
        self._session_lifetime = session_lifetime

    def authenticate(self, unverified_token: str, request: RequestContext) -> Actor:
        """The actor whose token this is. Costs one read, and once an hour a write.

        The token is looked up by its hash, so the time of the answer tells nothing about it. What
        is found is current: the write that suspends a user, or changes their roles, changes it too.

        Raises:
            InvalidTokenError: it is unknown, expired or revoked, or its user is suspended.
        """
        return _actor(self._verify(unverified_token), request)

    def require_user(self, user_id: str) -> User:
        """A user by id, for the other services; they decide who may ask.

        Raises:
            UserNotFoundError: there is none.
        """
        parsed = parse_id(user_id)
        if parsed is None:
            raise UserNotFoundError
        return self._accounts.get(parsed).user

    def find_users(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Users by id, for the other services; those who are gone are missing."""
        return self._repository.find_users(user_ids)

    def start_session(self, unverified_token: str, request: RequestContext) -> Session:
        """A browser session for the user of a valid API token; it ends with that token.

        It is good for what the token is good for. A session begins no other session: a stolen one
        could renew itself for ever.

        Raises:
            InvalidTokenError: the token is not valid, or is a session's.
        """
        found = self._verify(unverified_token)
        parent = found.token
        if parent.kind is not TokenKind.API:
            raise InvalidTokenError
        lifetime = min(self._session_lifetime, parent.expires_at - self._clock())
        text = new_token_text()
        token = self._accounts.build_session(text, lifetime, parent.scopes, parent.id)

        def begin(account: Account) -> Account:
            is_there = parent.id in {each.id for each in account.tokens}
            if not (is_there and account.is_active):
                raise InvalidTokenError
            return account.with_token(token, self._clock())

        describe = made_token(_actor(found, request), Action.LOGIN, token)
        try:
            account = self._accounts.change(found.user_id, begin, describe)
        except UserNotFoundError as exc:
            raise InvalidTokenError from exc
        return Session(account.user, token, text)

    def end_session(self, actor: Actor) -> None:
        """Forget the token that the actor authenticated with."""

        def end(account: Account) -> Account:
            return account.without_tokens(lambda each: each.digest == actor.token_digest)

        event = actor.did(Action.LOGOUT, ObjectType.SESSION, actor.token_id, {})
        with suppress(UserNotFoundError):
            self._accounts.change(actor.user_id, end, lambda _, __: event)

    def ensure_first_owner(self, chosen_token: str) -> User:
        """Make the first admin with a chosen token, or see that both exist.

        For the operator's tools, which reach the tables themselves; no route leads here.

        Raises:
            WeakTokenError: the token is shorter than 32 characters.
            InvalidTokenError: the token was made before and is no longer valid.
            UserExistsError: somebody else has the first admin's user name.
            TooManyTokensError: the first admin has too many tokens.
        """
        if len(chosen_token) < _LEAST_CHOSEN_TOKEN:
            raise WeakTokenError
        if self._repository.find_credential(digest_of(chosen_token)):
            return self._accounts.get(self._verify(chosen_token).user_id).user
        owner = self._find_or_add_first_owner()
        token = self._accounts.build_token(
            chosen_token,
            _FIRST_OWNER_TOKEN_LIFETIME,
            kind=TokenKind.API,
            name=f"first admin {new_id()[:8]}",
            scopes=(TokenScope.ALL,),
        )
        describe = made_token(OPERATOR, Action.CREATE, token)
        try:
            self._accounts.change(
                owner.id, lambda each: each.with_token(token, self._clock()), describe
            )
        except TokenExistsError:  # Another process was quicker.
            self._verify(chosen_token)
        return owner

    def _verify(self, unverified_token: str) -> Credential:
        found = self._repository.find_credential(digest_of(unverified_token))
        now = self._clock()
        if found is None or found.token.expires_at <= now:
            raise InvalidTokenError
        last = found.token.last_used_at
        if last is None or last <= now - _USE_IS_NOTED_EVERY:
            with suppress(StorageUnavailableError):  # It is worth less than the request.
                self._repository.record_use(found.token.digest, now, now - _USE_IS_NOTED_EVERY)
        return found

    def _find_or_add_first_owner(self) -> User:
        found = self._find_by_email(_FIRST_OWNER_EMAIL)
        if found:
            return found
        now = self._clock()
        user = User(
            id=new_id(),
            email=_FIRST_OWNER_EMAIL,
            username="admin",
            name="First admin",
            roles=(SiteRole.MEMBER, SiteRole.OWNER),
            status=UserStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )
        account = Account(user=user)
        made = diff({}, describe_user(account))
        event = OPERATOR.did(Action.CREATE, ObjectType.USER, user.id, made)
        try:
            self._repository.add(account, event)
        except UserExistsError:
            found = self._find_by_email(_FIRST_OWNER_EMAIL)
            if found is None:
                raise
            return found  # Another process was quicker.
        return user

    def _find_by_email(self, email: str) -> User | None:
        user_id = self._repository.find_id_by_email(email)
        account = self._accounts.find(user_id) if user_id else None
        return account.user if account else None


def _actor(found: Credential, request: RequestContext) -> Actor:
    token = found.token
    return Actor(
        user_id=found.user_id,
        roles=found.roles,
        token_digest=token.digest,
        token_id=token.id,
        username=found.username,
        request=request,
        scopes=token.scopes,
    )

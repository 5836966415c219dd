"""One sign-in in progress: it lives in a sealed cookie of the browser and nowhere else."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.encryption import Place, Vault
from chalicelib.encryption.fields import LOGIN_FLOW
from chalicelib.oauth2.sealed_cookies import open_cookie, seal_cookie
from chalicelib.oidc.errors import InvalidLoginStateError

LOGIN_SECONDS = 600
_PLACE = Place(LOGIN_FLOW, "oidc")


@dataclass(frozen=True, slots=True)
class LoginAnswer:
    """What a browser brings back from the provider, and its cookie: all of it unverified."""

    code: str = field(repr=False)
    state: str = field(repr=False)
    iss: str | None
    error: str
    error_description: str
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoginFlow:
    """What must be remembered until the browser is back.

    Attributes:
        state: what the answer must bring back (RFC 6749 section 10.12).
        nonce: what the ID token must bring back (OIDC Core section 15.5.2).
        code_verifier: the PKCE secret (RFC 7636 section 4.1).
        next_path: where to go on to.
        expires_at: when the flow is given up.
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    next_path: str
    expires_at: datetime


def seal_login(vault: Vault, flow: LoginFlow) -> str:
    """The flow as a cookie's value."""
    members = {
        "state": flow.state,
        "nonce": flow.nonce,
        "code_verifier": flow.code_verifier,
        "next_path": flow.next_path,
        "expires_at": flow.expires_at.isoformat(),
    }
    return seal_cookie(vault, members, _PLACE)


def open_login(vault: Vault, answer: LoginAnswer, now: datetime) -> LoginFlow:
    """The flow to which an answer belongs.

    Raises:
        InvalidLoginStateError: the cookie is missing, altered, too old, or of another flow.
    """
    members = open_cookie(vault, answer.cookie, _PLACE)
    if members is None:
        raise InvalidLoginStateError
    expires_at = datetime.fromisoformat(members.pop("expires_at"))
    flow = LoginFlow(**members, expires_at=expires_at)
    is_its_answer = hmac.compare_digest(flow.state.encode(), answer.state.encode())
    if expires_at <= now or not is_its_answer:
        raise InvalidLoginStateError
    return flow

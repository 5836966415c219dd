"""The state of one authorization in progress: it lives in the browser's cookies and nowhere else.

The state goes in one cookie. The same state, the PKCE verifier and the issuer that was asked travel
in the other, sealed for this user and this server: another user's browser cannot finish the flow,
nothing in it can be read or changed, and the two cookies belong together.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.encryption import Place, Vault
from chalicelib.encryption.fields import AUTHORIZATION_FLOW
from chalicelib.oauth2.errors import InvalidStateError
from chalicelib.oauth2.sealed_cookies import open_cookie, seal_cookie

STATE_COOKIE = "mcp_oauth2_state_"
VERIFIER_COOKIE = "mcp_oauth2_verifier_"
FLOW_SECONDS = 600


@dataclass(frozen=True, slots=True)
class CallbackQuery:
    """What a browser brings to the callback: the query and the two cookies, all unverified."""

    code: str = field(repr=False)
    state: str = field(repr=False)
    iss: str | None
    error: str
    error_description: str
    state_cookie: str = field(repr=False)
    sealed_flow: str = field(repr=False)

    @property
    def has_own_state(self) -> bool:
        """Whether the state is the one that this browser was given."""
        return bool(self.state) and hmac.compare_digest(
            self.state.encode(), self.state_cookie.encode()
        )


@dataclass(frozen=True, slots=True)
class Flow:
    """What must be remembered from the request to the callback.

    Attributes:
        state: what the answer must bring back (RFC 6749 section 10.12).
        code_verifier: the PKCE secret (RFC 7636 section 4.1).
        issuer: the authorization server that was asked, as it spells itself (RFC 9207).
        scope: what was asked for.
        grant_generation: the server's, so that a flow does not outlive a change of destination.
        expires_at: when the flow is given up.
    """

    state: str = field(repr=False)
    code_verifier: str = field(repr=False)
    issuer: str
    scope: str
    grant_generation: int
    expires_at: datetime


def seal_flow(vault: Vault, flow: Flow, server_id: str, user_id: str) -> str:
    """The flow as a cookie's value."""
    members = {
        "state": flow.state,
        "code_verifier": flow.code_verifier,
        "issuer": flow.issuer,
        "scope": flow.scope,
        "grant_generation": flow.grant_generation,
        "expires_at": flow.expires_at.isoformat(),
    }
    return seal_cookie(vault, members, Place(AUTHORIZATION_FLOW, server_id, user_id))


def open_flow(
    vault: Vault, query: CallbackQuery, server_id: str, user_id: str, now: datetime
) -> Flow:
    """The flow that a callback's cookie carries.

    Raises:
        InvalidStateError: the cookie is missing, altered, too old, or of another flow, user or
            server.
    """
    place = Place(AUTHORIZATION_FLOW, server_id, user_id)
    members = open_cookie(vault, query.sealed_flow, place)
    if members is None:
        raise InvalidStateError
    flow = Flow(
        state=members["state"],
        code_verifier=members["code_verifier"],
        issuer=members["issuer"],
        scope=members["scope"],
        grant_generation=members["grant_generation"],
        expires_at=datetime.fromisoformat(members["expires_at"]),
    )
    is_its_answer = hmac.compare_digest(flow.state.encode(), query.state.encode())
    if flow.expires_at <= now or not is_its_answer:
        raise InvalidStateError
    return flow

"""What can go wrong between us, a user's browser and an authorization server."""

from collections.abc import Sequence

from chalicelib.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    UnavailableError,
    UpstreamError,
    Validation,
)
from chalicelib.oauth2.urls import display_url

_MANUALLY = (
    "Provide oauth2_client_id, oauth2_auth_url, and oauth2_token_url manually, or ensure the MCP "
    "server supports RFC 9728 (Protected Resource Metadata) and RFC 7591 (Dynamic Client "
    "Registration)."
)
_LONGEST_DETAIL = 300


class UnusableDocumentError(UpstreamError):
    """One document of another server cannot be used; the message is the reason, in a few words."""

    code = "oauth2_document_unusable"


class DiscoveryError(InvalidInputError):
    """A step of discovery found nothing usable; the message names every URL and its problem."""

    code = "oauth2_discovery_failed"

    def __init__(self, step: str, attempts: Sequence[tuple[str, str]]) -> None:
        tried = "; ".join(f"{display_url(url)}: {problem}" for url, problem in attempts)
        super().__init__(
            f"OAuth2 auto-discovery failed: no usable {step}. {tried}.", detail=_MANUALLY
        )


class RegistrationError(InvalidInputError):
    """The authorization server registers no client for us (RFC 7591 section 3.2.2)."""

    code = "oauth2_registration_failed"

    def __init__(self, problem: str) -> None:
        super().__init__(f"OAuth2 client registration failed: {problem}.", detail=_MANUALLY)


class AuthorizationEndpointError(InvalidInputError):
    """No browser may be sent to this authorization endpoint."""

    code = "oauth2_authorization_endpoint_invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"MCP server OAuth2 authorization URL is not usable: {problem}.")


class AuthorizationResponseError(InvalidInputError):
    """The authorization response does not come from the server that was asked (RFC 9207)."""

    code = "oauth2_wrong_issuer"


class TokenExchangeError(UpstreamError):
    """The authorization server gave no usable token for the code."""

    code = "oauth2_token_exchange_failed"

    def __init__(self, problem: str) -> None:
        super().__init__(
            "Failed to exchange authorization code for token.", detail=f"{problem}. Connect again."
        )


class RefreshRefusedError(UpstreamError):
    """The authorization server will never again take this refresh token (`invalid_grant`)."""

    code = "oauth2_refresh_refused"

    def __init__(self) -> None:
        super().__init__("The authorization server refuses to renew the connection.")


class RefreshError(UpstreamError):
    """The authorization server did not renew the token this time; it may do so later."""

    code = "oauth2_refresh_failed"

    def __init__(self, problem: str) -> None:
        super().__init__("Failed to renew the connection.", detail=f"{problem}. Try again.")


class RefreshBusyError(UnavailableError):
    """Another request has been renewing the connection for too long."""

    code = "oauth2_refresh_busy"

    def __init__(self) -> None:
        super().__init__("The connection is being renewed by another request. Try again.")


class ConnectionGoneError(ConflictError):
    """The connection was removed, refused or made anew while it was being renewed."""

    code = "connection_gone"

    def __init__(self) -> None:
        super().__init__("The connection is gone. Connect again.")


class RevocationError(UpstreamError):
    """The authorization server did not confirm that a token is revoked (RFC 7009)."""

    code = "oauth2_revocation_failed"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The token was not revoked: {problem}.")


class CannotConnectError(InvalidInputError):
    """The server is not set up for connections."""

    code = "mcp_server_not_connectable"


class ConnectRequiredError(ConflictError):
    """The user has no usable connection to the server and must make one in a browser.

    Not a 401: the caller's own credentials are fine, and clients drop theirs on a 401.
    """

    code = "connect_required"

    def __init__(self, connect_url: str) -> None:
        super().__init__("Connect to this MCP server first: open connect_url in a browser.")
        self._connect_url = connect_url

    def extra(self) -> dict[str, str]:
        """Where to connect."""
        return {"connect_url": self._connect_url}


class UserHeadersRequiredError(ConflictError):
    """The server needs header values that the user has not entered."""

    code = "user_headers_required"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            "Enter your own header values for this MCP server first.",
            detail=f"PUT them to its user-headers. Missing: {', '.join(names)}.",
        )


class UnknownUserHeadersError(InvalidInputError):
    """The user enters values for headers that the admin did not leave to them."""

    code = "unknown_user_headers"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            "The MCP server takes no such header from its users.",
            validations=[
                Validation(f"values.{name}", "is not in user_header_names") for name in names
            ],
        )


class StepUpRequiredError(ConnectRequiredError):
    """The connection is good, but not for this; connecting again asks for the scopes it lacks.

    RFC 6750 section 3.1, `insufficient_scope`.
    """

    code = "step_up_required"

    def __init__(self, connect_url: str) -> None:
        super().__init__(connect_url)
        self.message = "This needs further permissions: open connect_url in a browser."


class AccessRefusedError(ForbiddenError):
    """The MCP server refuses the user, and connecting again will not help."""

    code = "mcp_access_refused"

    def __init__(self, *, tries: int = 0) -> None:
        text = "The MCP server does not let your account do this."
        if tries:
            text = f"The MCP server refuses this although you connected {tries} times."
        super().__init__(text, detail="Ask whoever runs it which permissions you need.")


class AuthorizationServerChangedError(ConflictError):
    """The MCP server names another authorization server than the one that an admin set up."""

    code = "oauth2_authorization_server_changed"

    def __init__(self) -> None:
        super().__init__(
            "The MCP server has another authorization server now.",
            detail="An admin must enter a client for it, or create the server anew.",
        )


class RefusalsChangedError(ConflictError):
    """What is remembered of refusals was changed by another request."""

    code = "refusals_changed"

    def __init__(self) -> None:
        super().__init__("Another request was refused at the same moment. Try again.")


class InvalidStateError(InvalidInputError):
    """The callback does not answer a flow that this browser and this user started."""

    code = "oauth2_invalid_state"

    def __init__(self) -> None:
        super().__init__(
            "Invalid or missing OAuth2 state parameter.", detail="Start the connection again."
        )


class MissingCodeError(InvalidInputError):
    """The callback carries no authorization code."""

    code = "oauth2_missing_code"

    def __init__(self) -> None:
        super().__init__("Missing authorization code.", detail="Start the connection again.")


class ProviderRefusedError(InvalidInputError):
    """The authorization server answered with an error (RFC 6749 section 4.1.2.1).

    Pass its texts only after the state and the issuer hold: before that anybody may have written
    them.
    """

    code = "oauth2_provider_refused"

    def __init__(self, error: str = "", description: str = "") -> None:
        text = "".join(c for c in description or error if c.isprintable())
        super().__init__("OAuth2 provider returned an error.", detail=text[:_LONGEST_DETAIL])


class ServerMovedError(ConflictError):
    """An admin changed where the server leads while the user was connecting."""

    code = "mcp_server_moved"

    def __init__(self) -> None:
        super().__init__("The MCP server was changed meanwhile. Start the connection again.")


class ConnectionChangedError(ConflictError):
    """The connection was changed by another request."""

    code = "connection_changed"

    def __init__(self) -> None:
        super().__init__("The connection was changed meanwhile. Try again.")

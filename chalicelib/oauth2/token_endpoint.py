"""The token endpoint (RFC 6749 section 3.2)."""

from typing import Annotated

from pydantic import Field

from chalicelib.egress import Egress, EgressResponse
from chalicelib.metrics import Metric, counted
from chalicelib.oauth2.client_authentication import post_form
from chalicelib.oauth2.documents import (
    Document,
    Name,
    describe_refusal,
    find_error_code,
    parse_document,
)
from chalicelib.oauth2.errors import (
    RefreshError,
    RefreshRefusedError,
    TokenExchangeError,
    UnusableDocumentError,
)
from chalicelib.oauth2.models import ClientCredentials, TokenResponse

# RFC 6749 section 5.2, RFC 8707 section 2.
_TOKEN_ERRORS = frozenset(
    (
        *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client"),
        *("unsupported_grant_type", "invalid_scope", "invalid_target"),
    )
)
# Only these are final; GitHub has a name of its own for invalid_grant.
_FINAL_ERRORS = frozenset({"invalid_grant", "bad_refresh_token"})
# More is no promise that a server can keep, and may be beyond what a date can hold.
_LONGEST_SECONDS = 10 * 365 * 24 * 3600
# RFC 6749 appendix A.12: printable ASCII. Anything else could break out of a header.
_TokenText = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]


class _TokenDocument(Document):
    access_token: Annotated[_TokenText, Field(min_length=1)]
    token_type: str | None = None
    refresh_token: _TokenText | None = None
    expires_in: Annotated[int, Field(ge=0)] | None = None
    scope: Name | None = None
    id_token: _TokenText | None = None


def exchange_code(
    egress: Egress,
    client: ClientCredentials,
    *,
    token_endpoint: str,
    code: str,
    code_verifier: str,
    redirect_uri: str,
    resource: str = "",
) -> TokenResponse:
    """Exchange an authorization code for tokens (RFC 6749 section 4.1.3, RFC 7636, RFC 8707).

    Args:
        egress: the way out.
        client: how to authenticate.
        token_endpoint: where; a query that it has is kept.
        code: from the authorization response.
        code_verifier: the one whose challenge went with the authorization request.
        redirect_uri: the one that went with the authorization request.
        resource: the one that went with the authorization request, if one did.

    Raises:
        TokenExchangeError: the server refused, or its answer is no Bearer token.
        EgressRefusedError, EgressConnectionError, EgressTimeoutError, EgressResponseError: it could
            not be asked.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": code_verifier,
        "redirect_uri": redirect_uri,
    }
    if resource:
        form["resource"] = resource
    response = post_form(egress, client, token_endpoint, form)
    return _parse_token_response(response)


def refresh_access_token(
    egress: Egress,
    client: ClientCredentials,
    *,
    token_endpoint: str,
    refresh_token: str,
    resource: str = "",
) -> TokenResponse:
    """Exchange a refresh token for new tokens (RFC 6749 section 6, RFC 8707).

    Raises:
        RefreshRefusedError: the refresh token is worthless from now on.
        RefreshError: the server refused for another reason, or answered nonsense.
        EgressRefusedError, EgressConnectionError, EgressTimeoutError, EgressResponseError: it could
            not be asked.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    if resource:
        form["resource"] = resource
    with counted(Metric.TOKEN_REFRESHES, Metric.TOKEN_REFRESH_FAILURES):
        response = post_form(egress, client, token_endpoint, form)
        if find_error_code(response, _FINAL_ERRORS):
            raise RefreshRefusedError
        try:
            return _parse_token_response(response)
        except TokenExchangeError as exc:
            raise RefreshError(exc.detail.partition(". Connect")[0]) from exc


def _parse_token_response(response: EgressResponse) -> TokenResponse:
    # The texts do not say where the endpoint is: users read them, and it is for admins to know.
    if response.status != 200:
        refusal = describe_refusal(response, _TOKEN_ERRORS)
        raise TokenExchangeError(f"The authorization server answered {refusal}")
    try:
        document = parse_document(_TokenDocument, response.body)
    except UnusableDocumentError as exc:
        refusal = describe_refusal(response, _TOKEN_ERRORS)
        raise TokenExchangeError(
            f"The authorization server answered {refusal}: {exc.message}"
        ) from exc
    if (document.token_type or "bearer").lower() != "bearer":
        raise TokenExchangeError("The authorization server gave a token that is no Bearer token")
    return TokenResponse(
        access_token=document.access_token,
        refresh_token=document.refresh_token or None,
        token_type="Bearer",  # noqa: S106 - RFC 6750; some servers insist on this spelling.
        # Servers say 0 where they mean that the token does not expire.
        expires_in=min(document.expires_in or 0, _LONGEST_SECONDS) or None,
        scope=document.scope or "",
        id_token=document.id_token or "",
    )

"""The authorization request that a browser carries, and the judgement of its answer."""

from collections.abc import Sequence
from urllib.parse import quote, unquote_plus, urlencode

from chalicelib.oauth2.errors import AuthorizationEndpointError, AuthorizationResponseError
from chalicelib.oauth2.scopes import OFFLINE_ACCESS
from chalicelib.oauth2.urls import is_loopback, split_web_url


def validate_authorization_endpoint(url: str) -> None:
    """Insist on a URL that a browser may be sent to: https, or http to the machine itself.

    Raises:
        AuthorizationEndpointError: it is something else, such as `javascript:`.
    """
    parts = split_web_url(url)
    if parts is None:
        raise AuthorizationEndpointError("it is not a plain https URL")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise AuthorizationEndpointError("it must be https")


def build_authorization_url(
    authorization_endpoint: str,
    *,
    client_id: str,
    redirect_uri: str,
    state: str,
    code_challenge: str,
    scopes: Sequence[str],
    resource: str = "",
    nonce: str = "",
) -> str:
    """The URL that asks for a code (RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707).

    What is signed in with OpenID Connect has a `nonce` (OIDC Core section 3.1.2.1) and no resource.

    A query that the endpoint has already is kept (RFC 6749 section 3.1), except where it names a
    parameter of ours: none may come twice.

    Raises:
        AuthorizationEndpointError: a browser may not be sent there.
    """
    validate_authorization_endpoint(authorization_endpoint)
    ours = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256",
    }
    if resource:
        ours["resource"] = resource
    if nonce:
        ours["nonce"] = nonce
    if scopes:
        ours["scope"] = " ".join(scopes)
    if OFFLINE_ACCESS in scopes:
        ours["prompt"] = "consent"  # Without it the scope is ignored (OIDC Core section 11).
    base, _, query = authorization_endpoint.partition("?")
    kept = [
        pair
        for pair in query.split("&")
        if pair and unquote_plus(pair.partition("=")[0]) not in {*ours, "scope"}
    ]
    return f"{base}?{'&'.join([*kept, urlencode(ours, quote_via=quote, safe='')])}"


def validate_authorization_response(
    *, expected_issuer: str | None, iss: str | None, iss_supported: bool
) -> None:
    """Insist that the response comes from the server that was asked (RFC 9207 section 2.4).

    `iss` is compared as a string, without any normalisation. A client that was entered by hand
    knows no issuer; there the redirect URI, which is different for every MCP server, keeps
    authorization servers apart (RFC 9700 section 4.4.2).

    Args:
        expected_issuer: the issuer recorded when the flow began; None if none is known.
        iss: the response's parameter, decoded; None if it has none.
        iss_supported: whether the server's metadata promises the parameter.

    Raises:
        AuthorizationResponseError: it comes from somewhere else, or may do so.
    """
    if iss is None:
        if iss_supported:
            raise AuthorizationResponseError(
                "The authorization response does not say which server it comes from, although "
                "this authorization server promises to. Nothing in it was used."
            )
        return
    if expected_issuer is not None and iss != expected_issuer:
        raise AuthorizationResponseError(
            "The authorization response comes from another authorization server than the one "
            "that was asked. Nothing in it was used."
        )

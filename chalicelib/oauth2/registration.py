"""Dynamic client registration (RFC 7591)."""

import json
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from chalicelib.egress import Deadline, Egress, EgressResponse
from chalicelib.errors import CiboriumError
from chalicelib.oauth2.client_authentication import BUDGET_SECONDS
from chalicelib.oauth2.documents import (
    Document,
    Name,
    Secret,
    URLs,
    describe_refusal,
    find_error_code,
    parse_document,
)
from chalicelib.oauth2.errors import RegistrationError, UnusableDocumentError
from chalicelib.oauth2.models import (
    CLIENT_SECRET_BASIC,
    CLIENT_SECRET_POST,
    PUBLIC_CLIENT,
    AuthorizationServerMetadata,
    RegisteredClient,
)
from chalicelib.oauth2.urls import display_url, is_loopback

# In the order of our preference. The secret goes in the body rather than in Basic authentication,
# because servers disagree whether client_id may or must stand beside a Basic header: those made
# with the MCP SDK want it there, others refuse it. Public clients come last: servers restrict their
# redirect URIs (RFC 8252).
_METHODS = (CLIENT_SECRET_POST, CLIENT_SECRET_BASIC, PUBLIC_CLIENT)
_OTHER_TYPE = {"web": "native", "native": "web"}
_FAREWELL_SECONDS = 3.0
_METADATA_ERROR = "invalid_client_metadata"
_ADJUSTABLE_ERRORS = frozenset({"invalid_redirect_uri", _METADATA_ERROR})
# RFC 7591 section 3.2.2, and RFC 6750 section 3.1 for servers that want an initial access token.
_KNOWN_ERRORS = frozenset(
    (
        *("invalid_redirect_uri", "invalid_client_metadata", "invalid_software_statement"),
        *("unapproved_software_statement", "invalid_request", "invalid_token"),
        *("access_denied", "insufficient_scope"),
    )
)


class _ClientDocument(Document):
    client_id: Name
    client_secret: Secret | None = None
    client_secret_expires_at: int | None = None
    token_endpoint_auth_method: Name | None = None
    redirect_uris: URLs | None = None
    registration_client_uri: Name | None = None
    registration_access_token: Secret | None = None


def register_client(
    egress: Egress,
    server: AuthorizationServerMetadata,
    *,
    redirect_uri: str,
    client_name: str,
    scopes: Sequence[str],
) -> RegisteredClient:
    """Register us at an authorization server (RFC 7591 section 3).

    Args:
        egress: the way out.
        server: where.
        redirect_uri: our callback; https, or on a loopback host.
        client_name: what users read on the consent page.
        scopes: what we shall ask for; may be empty.

    Raises:
        RegistrationError: it registers no clients, refused this one, or answered nonsense.
        EgressRefusedError, EgressConnectionError, EgressTimeoutError, EgressResponseError: it could
            not be asked.
    """
    if server.registration_endpoint is None:
        raise RegistrationError(
            f"{display_url(server.issuer)} has no registration_endpoint, so a client must be "
            "registered there by hand"
        )
    method = _choose_method(server)
    request = _build_request(redirect_uri, client_name, scopes, method)
    response = _ask(egress, server.registration_endpoint, request)
    shown_url = display_url(server.registration_endpoint)
    document = _parse_document(response, shown_url)
    problem = _find_problem(document, redirect_uri)
    if problem:
        with suppress(CiboriumError):
            delete_registration(
                egress, document.registration_client_uri, document.registration_access_token
            )
        raise RegistrationError(f"{shown_url} {problem}")
    return _build_client(document, method)


def delete_registration(
    egress: Egress, registration_uri: str | None, registration_token: str | None
) -> None:
    """Delete a registration of ours (RFC 7592 section 2.3); whether it succeeds is not told.

    Without a place and a token there is nothing that could be deleted.

    Raises:
        EgressRefusedError, EgressConnectionError, EgressTimeoutError, EgressResponseError: it could
            not be asked.
    """
    if registration_uri and registration_token:
        egress.request(
            "DELETE",
            registration_uri,
            headers={"Authorization": f"Bearer {registration_token}"},
            budget=_FAREWELL_SECONDS,
        )


def _build_request(
    redirect_uri: str, client_name: str, scopes: Sequence[str], method: str
) -> dict[str, object]:
    """Our metadata (RFC 7591 section 2)."""
    request: dict[str, object] = {
        "client_name": client_name,
        "redirect_uris": [redirect_uri],
        "application_type": _application_type(redirect_uri),
        "token_endpoint_auth_method": method,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    }
    return {**request, "scope": " ".join(scopes)} if scopes else request


def _ask(egress: Egress, url: str, request: dict[str, object]) -> EgressResponse:
    """Ask for a registration; if that is refused for its form, in other forms."""
    budget = Deadline(BUDGET_SECONDS)  # All tries share it: whoever waits has 29 seconds.
    response = _post(egress, url, request, budget)
    refusal = find_error_code(response, _ADJUSTABLE_ERRORS)
    may_be_the_scope = refusal == _METADATA_ERROR and "scope" in request
    if refusal:
        # The kinds of client have different rules for redirect URIs (OIDC Registration section 2),
        # and servers draw the line between them differently.
        other = _OTHER_TYPE[str(request["application_type"])]
        response = _post(egress, url, {**request, "application_type": other}, budget)
    if may_be_the_scope and find_error_code(response, _ADJUSTABLE_ERRORS):
        # Some servers register only scopes of their own, although they grant a resource's as well.
        without_scope = {name: value for name, value in request.items() if name != "scope"}
        response = _post(egress, url, without_scope, budget)
    return response


def _post(egress: Egress, url: str, request: dict[str, object], budget: Deadline) -> EgressResponse:
    return egress.request(
        "POST",
        url,
        headers={"Accept": "application/json", "Content-Type": "application/json"},
        content=json.dumps(request).encode(),
        budget=budget,
    )


def _choose_method(server: AuthorizationServerMetadata) -> str:
    listed = server.token_endpoint_auth_methods_supported
    method = next((each for each in _METHODS if each in listed), None)
    if method is None:
        raise RegistrationError(
            f"{display_url(server.issuer)} supports none of {', '.join(_METHODS)} at its token "
            "endpoint"
        )
    return method


def _application_type(redirect_uri: str) -> str:
    """`web`, or `native` on the user's own machine (OIDC Registration section 2)."""
    parts = urlsplit(redirect_uri)
    if is_loopback(parts.hostname or ""):
        return "native"
    if parts.scheme != "https":
        raise RegistrationError(
            "our redirect URI is not https; CIBORIUM_PUBLIC_URL must be, except on a loopback host"
        )
    return "web"


def _parse_document(response: EgressResponse, shown_url: str) -> _ClientDocument:
    if response.status not in {200, 201}:
        raise RegistrationError(f"{shown_url} answered {_describe(response)}")
    try:
        return parse_document(_ClientDocument, response.body)
    except UnusableDocumentError as exc:
        raise RegistrationError(
            f"{shown_url} answered HTTP {response.status}: {exc.message}"
        ) from exc


def _find_problem(document: _ClientDocument, redirect_uri: str) -> str:
    """Why a registration is of no use to us, as what the server did; empty if it is."""
    if not document.client_id:
        return "gave no client_id"
    if document.redirect_uris is not None and redirect_uri not in document.redirect_uris:
        return "registered another redirect URI than ours"
    method = document.token_endpoint_auth_method
    if method is not None and method not in _METHODS:
        return "wants another client authentication than we support"
    if method not in {None, PUBLIC_CLIENT} and not document.client_secret:
        return "gave no client_secret although it wants one"
    return ""


def _build_client(document: _ClientDocument, asked_method: str) -> RegisteredClient:
    """The client as registered, which may differ from what was asked (RFC 7591 section 3.2.1)."""
    unsaid = asked_method if document.client_secret else PUBLIC_CLIENT
    return RegisteredClient(
        client_id=document.client_id,
        client_secret=document.client_secret or None,
        token_endpoint_auth_method=document.token_endpoint_auth_method or unsaid,
        client_secret_expires_at=document.client_secret_expires_at or 0,
        registration_client_uri=document.registration_client_uri,
        registration_access_token=document.registration_access_token,
    )


def _describe(response: EgressResponse) -> str:
    text = describe_refusal(response, _KNOWN_ERRORS)
    if find_error_code(response, _KNOWN_ERRORS) == "invalid_redirect_uri":
        return f"{text}: it does not accept our redirect URI, so register a client there by hand"
    return text

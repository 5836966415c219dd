"""Metadata documents: where they may be, and what makes one usable.

Builders return ordered candidates; the caller tries one after the other.
"""

from collections.abc import Sequence
from urllib.parse import SplitResult

from chalicelib.oauth2.authorization import validate_authorization_endpoint
from chalicelib.oauth2.documents import Document, Name, Names, URLs, parse_document
from chalicelib.oauth2.errors import AuthorizationEndpointError, UnusableDocumentError
from chalicelib.oauth2.models import (
    CLIENT_SECRET_BASIC,
    AuthorizationServerMetadata,
    ProtectedResourceMetadata,
)
from chalicelib.oauth2.urls import origin, split_web_url

_RESOURCE = "/.well-known/oauth-protected-resource"
_SERVER = "/.well-known/oauth-authorization-server"
_OPENID = "/.well-known/openid-configuration"


class _ResourceDocument(Document):
    resource: Name
    authorization_servers: URLs | None = None
    scopes_supported: Names | None = None


class _ServerDocument(Document):
    issuer: Name
    authorization_endpoint: Name
    token_endpoint: Name
    registration_endpoint: Name | None = None
    revocation_endpoint: Name | None = None
    scopes_supported: Names | None = None
    code_challenge_methods_supported: Names | None = None
    token_endpoint_auth_methods_supported: Names | None = None
    authorization_response_iss_parameter_supported: bool | None = None
    client_id_metadata_document_supported: bool | None = None


def build_protected_resource_metadata_urls(
    server_url: str, resource_metadata: str | None
) -> list[str]:
    """Where a server's own metadata may be (RFC 9728 sections 3.1 and 5.1).

    Args:
        server_url: the MCP endpoint; the trailing slash of its path counts.
        resource_metadata: the URL that its challenge names, if any; it comes first.
    """
    parts = _require_parts(server_url)
    base = f"{parts.scheme}://{parts.netloc}"
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    candidates = [f"{base}{_RESOURCE}{path}{query}", f"{base}{_RESOURCE}"]
    return _unique([resource_metadata, *candidates] if resource_metadata else candidates)


def build_authorization_server_metadata_urls(issuer: str) -> list[str]:
    """Where an authorization server's metadata may be (RFC 8414 section 3.1, OIDC Discovery 4).

    Raises:
        UnusableDocumentError: the issuer is no URL that an issuer may be (RFC 8414 section 2).
    """
    parts = _require_parts(issuer)
    if "?" in issuer:
        raise UnusableDocumentError("an issuer may not have a query")
    base = f"{parts.scheme}://{parts.netloc}"
    # A terminating slash goes away to build URLs, but stays where issuers are compared.
    path = parts.path.rstrip("/")
    return _unique([f"{base}{_SERVER}{path}", f"{base}{_OPENID}{path}", f"{base}{path}{_OPENID}"])


def parse_protected_resource_metadata(body: bytes) -> ProtectedResourceMetadata:
    """A resource's metadata (RFC 9728 section 2).

    Raises:
        UnusableDocumentError: it is not JSON, or lacks what it needs.
    """
    document = parse_document(_ResourceDocument, body)
    if not document.authorization_servers:
        raise UnusableDocumentError("it names no authorization_servers")
    return ProtectedResourceMetadata(
        resource=document.resource,
        authorization_servers=tuple(_unique(document.authorization_servers)),
        scopes_supported=tuple(document.scopes_supported or ()),
    )


def parse_authorization_server_metadata(body: bytes, issuer: str) -> AuthorizationServerMetadata:
    """An authorization server's metadata, if it is that of `issuer` and serves our purposes.

    Raises:
        UnusableDocumentError: it is not JSON, another issuer's (RFC 8414 section 3.3), without
            PKCE S256, or names endpoints that may not be used.
    """
    document = parse_document(_ServerDocument, body)
    if document.issuer != issuer:
        only_a_slash = document.issuer.rstrip("/") == issuer.rstrip("/")
        hint = ", by a trailing slash" if only_a_slash else ""
        raise UnusableDocumentError(f"its issuer differs from the one asked for{hint}")
    if "S256" not in (document.code_challenge_methods_supported or ()):
        raise UnusableDocumentError(
            "code_challenge_methods_supported does not list S256, so PKCE is not certain"
        )
    check_endpoints(
        document.issuer,
        document.authorization_endpoint,
        token_endpoint=document.token_endpoint,
        registration_endpoint=document.registration_endpoint or None,
        revocation_endpoint=document.revocation_endpoint or None,
    )
    return AuthorizationServerMetadata(
        issuer=document.issuer,
        authorization_endpoint=document.authorization_endpoint,
        token_endpoint=document.token_endpoint,
        registration_endpoint=document.registration_endpoint or None,
        revocation_endpoint=document.revocation_endpoint or None,
        scopes_supported=tuple(document.scopes_supported or ()),
        code_challenge_methods_supported=tuple(document.code_challenge_methods_supported or ()),
        # RFC 8414 section 2 says what is meant where nothing is said.
        token_endpoint_auth_methods_supported=tuple(
            document.token_endpoint_auth_methods_supported or (CLIENT_SECRET_BASIC,)
        ),
        authorization_response_iss_parameter_supported=bool(
            document.authorization_response_iss_parameter_supported
        ),
        client_id_metadata_document_supported=bool(document.client_id_metadata_document_supported),
    )


def is_resource_of(resource: str, server_url: str) -> bool:
    """Whether a metadata's `resource` covers an MCP endpoint (RFC 9728 section 3.3).

    It does with the same origin and a path that is the endpoint's or leads to it, by whole
    segments: servers may publish one document for the whole host.
    """
    ours, theirs = split_web_url(server_url), split_web_url(resource)
    if ours is None or theirs is None or origin(ours) != origin(theirs):
        return False
    if theirs.query and theirs.query != ours.query:
        return False
    return f"{ours.path.rstrip('/')}/".startswith(f"{theirs.path.rstrip('/')}/")


def check_endpoints(issuer: str, authorization_endpoint: str, **fetched: str | None) -> None:
    """Insist on endpoints that may be used: one for browsers, and those that we ask ourselves.

    Raises:
        UnusableDocumentError: one may not be, or is reached without the issuer's TLS.
    """
    try:
        validate_authorization_endpoint(authorization_endpoint)
    except AuthorizationEndpointError as exc:
        raise UnusableDocumentError("authorization_endpoint is not https") from exc
    for name, url in fetched.items():
        parts = None if url is None else split_web_url(url)
        # Whether plain http may be used at all is egress's to say; here, an issuer that is reached
        # over TLS may not lead to an endpoint that is not.
        downgrades = issuer.startswith("https:") and parts and parts.scheme != "https"
        if url is not None and (parts is None or downgrades):
            raise UnusableDocumentError(f"{name} is not https")


def _require_parts(url: str) -> SplitResult:
    parts = split_web_url(url)
    if parts is None:
        raise UnusableDocumentError("not an http(s) URL, or one with a user or a fragment")
    return parts


def _unique(urls: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(urls))

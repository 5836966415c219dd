"""A provider's metadata: where it is, and what makes it usable (OIDC Discovery)."""

from chalicelib.oauth2.documents import Document, Name, Names, parse_document
from chalicelib.oauth2.errors import UnusableDocumentError
from chalicelib.oauth2.metadata import check_endpoints
from chalicelib.oauth2.models import CLIENT_SECRET_BASIC
from chalicelib.oidc.models import OpenIDProvider

SIGNING_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Only what a key that is public verifies: with HS256, whoever knows a public key could sign."""


class _ProviderDocument(Document):
    issuer: Name
    authorization_endpoint: Name
    token_endpoint: Name
    jwks_uri: Name
    userinfo_endpoint: Name | None = None
    token_endpoint_auth_methods_supported: Names | None = None
    id_token_signing_alg_values_supported: Names | None = None
    authorization_response_iss_parameter_supported: bool | None = None


def build_configuration_url(issuer: str) -> str:
    """Where a provider's metadata is (OIDC Discovery section 4)."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def parse_provider(body: bytes, issuer: str) -> OpenIDProvider:
    """A provider's metadata, if it is that of `issuer`.

    PKCE is not asked for here: we send it always, and a nonce besides, which every provider knows.

    Raises:
        UnusableDocumentError: it is not JSON, another issuer's (section 4.3), signs with nothing
            that we verify, or names endpoints that may not be used.
    """
    document = parse_document(_ProviderDocument, body)
    if document.issuer != issuer:
        raise UnusableDocumentError("its issuer is not exactly CIBORIUM_OIDC_ISSUER")
    check_endpoints(
        issuer,
        document.authorization_endpoint,
        token_endpoint=document.token_endpoint,
        jwks_uri=document.jwks_uri,
        userinfo_endpoint=document.userinfo_endpoint or None,
    )
    offered = document.id_token_signing_alg_values_supported or ["RS256"]
    algorithms = tuple(each for each in SIGNING_ALGORITHMS if each in offered)
    if not algorithms:
        raise UnusableDocumentError("it signs ID tokens with no algorithm that can be verified")
    return OpenIDProvider(
        issuer=issuer,
        authorization_endpoint=document.authorization_endpoint,
        token_endpoint=document.token_endpoint,
        jwks_uri=document.jwks_uri,
        userinfo_endpoint=document.userinfo_endpoint or None,
        # OIDC Discovery section 3 says what is meant where nothing is said.
        token_endpoint_auth_methods=tuple(
            document.token_endpoint_auth_methods_supported or (CLIENT_SECRET_BASIC,)
        ),
        signing_algorithms=algorithms,
        issues_iss=bool(document.authorization_response_iss_parameter_supported),
    )

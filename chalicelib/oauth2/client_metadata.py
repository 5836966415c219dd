"""Our Client ID Metadata Document: a client_id that is the URL of what it identifies.

`draft-ietf-oauth-client-id-metadata-document`, as MCP's client registration has it. An
authorization server that reads such documents needs no registration; ours is a public client, held
to its redirect URI and PKCE.
"""

from dataclasses import field

from chalicelib.oauth2.models import PUBLIC_CLIENT, AuthorizationServerMetadata
from chalicelib.sdk.base import Reply

CLIENT_NAME = "Ciborium"


class ClientMetadata(Reply):
    """The document; its members are those of RFC 7591 section 2."""

    client_id: str
    client_name: str = CLIENT_NAME
    client_uri: str
    redirect_uris: list[str]
    grant_types: list[str] = field(default_factory=lambda: ["authorization_code", "refresh_token"])
    response_types: list[str] = field(default_factory=lambda: ["code"])
    token_endpoint_auth_method: str = PUBLIC_CLIENT


def build_client_metadata(client_id: str, redirect_uri: str, home: str) -> ClientMetadata:
    """The document that an authorization server reads at the URL `client_id`."""
    return ClientMetadata(client_id=client_id, client_uri=home, redirect_uris=[redirect_uri])


def reads_our_document(server: AuthorizationServerMetadata) -> bool:
    """Whether an authorization server takes such a client, and takes it without a secret."""
    if not server.client_id_metadata_document_supported:
        return False
    listed = server.token_endpoint_auth_methods_supported
    return PUBLIC_CLIENT in listed or server.registration_endpoint is None

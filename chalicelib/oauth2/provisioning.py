"""Finding a server's authorization server and getting a client there, in one go."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from chalicelib.egress import (
    Egress,
    EgressConnectionError,
    EgressResponseError,
    EgressTimeoutError,
)
from chalicelib.errors import CiboriumError
from chalicelib.mcp_servers.models import Registration
from chalicelib.mcp_servers.ports import ClientRequest, ProvisionedClient
from chalicelib.oauth2.authorization import validate_authorization_endpoint
from chalicelib.oauth2.client_metadata import CLIENT_NAME, reads_our_document
from chalicelib.oauth2.discovery import discover
from chalicelib.oauth2.errors import RegistrationError
from chalicelib.oauth2.models import (
    CLIENT_SECRET_BASIC,
    CLIENT_SECRET_POST,
    PUBLIC_CLIENT,
    AuthorizationServerMetadata,
    Discovery,
    RegisteredClient,
)
from chalicelib.oauth2.registration import delete_registration, register_client
from chalicelib.oauth2.scopes import join_scopes
from chalicelib.oauth2.urls import display_url


class OAuth2Provisioner:
    """Discovery and registration; implements `mcp_servers.ports.ClientProvisioner`.

    Args:
        egress: the way out.
        client_metadata_url: gives the URL of our Client ID Metadata Document for a server, or None
            where authorization servers cannot read one.
    """

    def __init__(self, egress: Egress, client_metadata_url: Callable[[str], str | None]) -> None:
        self._egress = egress
        self._client_metadata_url = client_metadata_url

    def provision(self, request: ClientRequest) -> ProvisionedClient:
        """Discover the server's OAuth2 settings, and get a client (RFC 9728, 8414, 7591).

        In this order: the one that an admin registered, our Client ID Metadata Document, dynamic
        registration (MCP authorization, "Client Registration Approaches").

        Raises:
            DiscoveryError: a step of discovery failed; it says which, and where.
            RegistrationError: the authorization server offers no way, or refused to register us.
        """
        found = discover(self._egress, request.server_url, issuer=request.issuer)
        registration, client = self._get_client(found, request)
        return ProvisionedClient(
            registration=registration,
            client_id=client.client_id,
            client_secret=client.client_secret or "",
            secret_expires_at=_moment(client.client_secret_expires_at),
            registration_uri=client.registration_client_uri or "",
            registration_token=client.registration_access_token or "",
            auth_url=found.server.authorization_endpoint,
            token_url=found.server.token_endpoint,
            revocation_url=found.server.revocation_endpoint or "",
            scopes=join_scopes(found.scopes),
            issuer=found.server.issuer,
            issues_iss=found.server.authorization_response_iss_parameter_supported,
            resource=found.resource,
            token_auth_method=client.token_endpoint_auth_method,
        )

    def abandon(self, registration_uri: str, registration_token: str) -> None:
        """Delete a registration that is of no more use (RFC 7592 section 2.3); never fails."""
        with suppress(CiboriumError):
            delete_registration(self._egress, registration_uri, registration_token)

    def check_authorization_url(self, url: str) -> None:
        """Insist on a URL that a browser may be sent to, for a client entered by hand.

        Raises:
            AuthorizationEndpointError: it is neither https nor http to a loopback host.
        """
        validate_authorization_endpoint(url)

    def _get_client(
        self, found: Discovery, request: ClientRequest
    ) -> tuple[Registration, RegisteredClient]:
        if request.client_id:
            method = _method_of_known_client(found.server, has_secret=request.has_secret)
            return Registration.MANUAL, _client(request.client_id, method)
        url = self._client_metadata_url(request.server_id)
        if url and reads_our_document(found.server):
            return Registration.METADATA_DOCUMENT, _client(url, PUBLIC_CLIENT)
        return Registration.DYNAMIC, self._register(found, request.redirect_uri)

    def _register(self, found: Discovery, redirect_uri: str) -> RegisteredClient:
        try:
            return register_client(
                self._egress,
                found.server,
                redirect_uri=redirect_uri,
                client_name=CLIENT_NAME,
                scopes=found.scopes,
            )
        except (EgressConnectionError, EgressResponseError, EgressTimeoutError) as exc:
            url = display_url(found.server.registration_endpoint or "")
            raise RegistrationError(f"{url}: {exc.message.rstrip('.')}") from exc


def _client(client_id: str, method: str) -> RegisteredClient:
    """A client that was not registered just now; its secret, if any, is known elsewhere."""
    return RegisteredClient(
        client_id=client_id,
        client_secret=None,
        token_endpoint_auth_method=method,
        client_secret_expires_at=0,
        registration_client_uri=None,
        registration_access_token=None,
    )


def _method_of_known_client(server: AuthorizationServerMetadata, *, has_secret: bool) -> str:
    """How a pre-registered client most likely authenticates: the default of RFC 7591 section 2."""
    if not has_secret:
        return PUBLIC_CLIENT
    listed = server.token_endpoint_auth_methods_supported
    only_post = CLIENT_SECRET_POST in listed and CLIENT_SECRET_BASIC not in listed
    return CLIENT_SECRET_POST if only_post else CLIENT_SECRET_BASIC


def _moment(seconds: int) -> datetime | None:
    """RFC 7591's seconds since 1970, where 0 means never; so does what no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (OverflowError, ValueError, OSError):
        return None

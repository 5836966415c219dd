"""Finding a server's authorization server and registering our client there, in one go."""

from chalicelib.egress import (
    Egress,
    EgressConnectionError,
    EgressResponseError,
    EgressTimeoutError,
)
from chalicelib.mcp_servers.ports import ProvisionedClient
from chalicelib.oauth2.authorization import validate_authorization_endpoint
from chalicelib.oauth2.discovery import discover
from chalicelib.oauth2.errors import RegistrationError
from chalicelib.oauth2.models import Discovery, RegisteredClient
from chalicelib.oauth2.registration import register_client
from chalicelib.oauth2.urls import display_url

_CLIENT_NAME = "Ciborium"
_LONGEST_SCOPES = 2048  # What an admin may enter.


class OAuth2Provisioner:
    """Discovery and dynamic registration; implements `mcp_servers.ports.ClientProvisioner`."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def provision(self, server_url: str, redirect_uri: str) -> ProvisionedClient:
        """Discover the server's OAuth2 settings, then register a client (RFC 9728, 8414, 7591).

        Raises:
            DiscoveryError: a step of discovery failed; it says which, and where.
            RegistrationError: the authorization server refused to register a client.
        """
        found = discover(self._egress, server_url)
        client = self._register(found, redirect_uri)
        return ProvisionedClient(
            client_id=client.client_id,
            client_secret=client.client_secret or "",
            auth_url=found.server.authorization_endpoint,
            token_url=found.server.token_endpoint,
            revocation_url=found.server.revocation_endpoint or "",
            scopes=_join(found.scopes),
            issuer=found.server.issuer,
            issues_iss=found.server.authorization_response_iss_parameter_supported,
            resource=found.resource,
            token_auth_method=client.token_endpoint_auth_method,
        )

    def check_authorization_url(self, url: str) -> None:
        """Insist on a URL that a browser may be sent to, for a client entered by hand.

        Raises:
            AuthorizationEndpointError: it is neither https nor http to a loopback host.
        """
        validate_authorization_endpoint(url)

    def _register(self, found: Discovery, redirect_uri: str) -> RegisteredClient:
        try:
            return register_client(
                self._egress,
                found.server,
                redirect_uri=redirect_uri,
                client_name=_CLIENT_NAME,
                scopes=found.scopes,
            )
        except (EgressConnectionError, EgressResponseError, EgressTimeoutError) as exc:
            url = display_url(found.server.registration_endpoint or "")
            raise RegistrationError(f"{url}: {exc.message.rstrip('.')}") from exc


def _join(scopes: tuple[str, ...]) -> str:
    """The scopes as RFC 6749 section 3.3 writes them, as many as fit into a URL."""
    joined = ""
    for scope in scopes:
        longer = f"{joined} {scope}".strip()
        if len(longer) > _LONGEST_SCOPES:
            break
        joined = longer
    return joined

"""What the registry needs of the packages above it; `bootstrap` hands it the real ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.mcp_servers.models import MCPServer


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedClient:
    """What discovery and registration found out, the client secret still in the clear."""

    client_id: str
    client_secret: str = field(repr=False)
    auth_url: str
    token_url: str
    revocation_url: str
    scopes: str
    issuer: str
    issues_iss: bool
    resource: str
    token_auth_method: str


class ClientProvisioner(Protocol):
    """Finds a server's authorization server and registers a client there."""

    def provision(self, server_url: str, redirect_uri: str) -> ProvisionedClient:
        """Discover and register.

        Raises:
            DiscoveryError: a step of discovery failed; it says which, and where.
            RegistrationError: the authorization server refused to register a client.
        """

    def check_authorization_url(self, url: str) -> None:
        """Insist on a URL that a browser may be sent to, for a client entered by hand.

        Raises:
            AuthorizationEndpointError: it is neither https nor http to a loopback host.
        """


class Connections(Protocol):
    """The users' connections to servers."""

    def connected_ids(self, user_id: str, servers: Sequence[MCPServer]) -> frozenset[str]:
        """Those of the servers that the user can use now."""

    def remove_all(self, server_id: str) -> None:
        """Remove every user's connection to a server; safe to repeat."""

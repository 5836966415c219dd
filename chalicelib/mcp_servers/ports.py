"""What the registry needs of the packages above it; `bootstrap` hands it the real ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from chalicelib.mcp_servers.models import MCPServer, Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRequest:
    """The client that a server needs at its authorization server.

    Attributes:
        server_id: whose client it is.
        server_url: the MCP endpoint.
        redirect_uri: where authorization servers send browsers back to.
        issuer: the authorization server that an admin insists on; may be empty.
        client_id: of a client that an admin registered there; may be empty.
        has_secret: whether that one has a client secret.
    """

    server_id: str
    server_url: str
    redirect_uri: str
    issuer: str = ""
    client_id: str = ""
    has_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedClient:
    """What discovery and registration found out, the secrets still in the clear."""

    registration: Registration
    client_id: str
    client_secret: str = field(repr=False)
    secret_expires_at: datetime | None
    registration_uri: str
    registration_token: str = field(repr=False)
    auth_url: str
    token_url: str
    revocation_url: str
    scopes: str
    issuer: str
    issues_iss: bool
    resource: str
    token_auth_method: str


class ClientProvisioner(Protocol):
    """Finds a server's authorization server and gets a client there."""

    def provision(self, request: ClientRequest) -> ProvisionedClient:
        """Discover, and register unless a client is known already.

        Raises:
            DiscoveryError: a step of discovery failed; it says which, and where.
            RegistrationError: the authorization server refused to register a client.
        """

    def abandon(self, registration_uri: str, registration_token: str) -> None:
        """Delete a registration that is of no more use (RFC 7592 section 2.3); never fails."""

    def check_authorization_url(self, url: str) -> None:
        """Insist on a URL that a browser may be sent to, for a client entered by hand.

        Raises:
            AuthorizationEndpointError: it is neither https nor http to a loopback host.
        """


class ToolApprovals(Protocol):
    """What admins have approved of servers' tools."""

    def remove_all(self, server_id: str) -> None:
        """Remove a server's approvals; safe to repeat."""


class Connections(Protocol):
    """The users' connections to servers."""

    def connected_ids(self, user_id: str, servers: Sequence[MCPServer]) -> frozenset[str]:
        """Those of the servers that the user can use now."""

    def remove_all(self, server_id: str) -> None:
        """Remove every user's connection to a server; safe to repeat."""

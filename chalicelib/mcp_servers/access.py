"""Deciding what servers are to an actor, with no more reads than that takes."""

from collections.abc import Mapping, Sequence

from chalicelib.identity.models import Actor
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.visibility import Access, decide, needs_memberships
from chalicelib.organizations.service import OrganizationService


class ServerAccess:
    """Looks up what `visibility.decide` needs to know; lives as long as the container."""

    def __init__(self, organizations: OrganizationService) -> None:
        self._organizations = organizations

    def of(self, actor: Actor, server: MCPServer) -> Access:
        """What a server is to an actor; one read if it is not for all, else none."""
        return self.of_each(actor, [server])[server.id]

    def of_each(self, actor: Actor, servers: Sequence[MCPServer]) -> Mapping[str, Access]:
        """What each server is to an actor, by its id; one read if any is not for all, else none."""
        if any(needs_memberships(actor, server) for server in servers):
            memberships = self._organizations.memberships_of(actor.user_id)
        else:
            memberships = []
        return {server.id: decide(actor, server, memberships) for server in servers}

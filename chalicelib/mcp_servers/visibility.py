"""Who sees a server and who may use it: pure functions, and the only place that decides it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.organizations.models import Membership


class Visibility(Enum):
    """How much of a server an actor sees."""

    NONE = auto()
    """Not even that it exists."""
    REDACTED = auto()
    FULL = auto()


@dataclass(frozen=True, slots=True)
class Access:
    """What a server is to an actor.

    Attributes:
        visibility: how much of it they see.
        may_use: whether they may connect to it and call its tools.
        organization_ids: of a server that is not for all: in which of the actor's organisations it
            is for them.
    """

    visibility: Visibility
    may_use: bool = False
    organization_ids: tuple[str, ...] = ()


_NO_ACCESS = Access(Visibility.NONE)


def decide(actor: Actor, server: MCPServer, memberships: Sequence[Membership]) -> Access:
    """What a server is to an actor with these memberships; see `needs_memberships`.

    Whoever administers the registry sees every server whole and may use those that are enabled,
    whatever their organisations. Others see, redacted, the enabled ones that are for them.
    """
    if actor.may(Permission.MCP_SERVER_READ):
        return Access(Visibility.FULL, may_use=server.enabled)
    if not server.enabled:
        return _NO_ACCESS
    if _is_for_all(server):
        return Access(Visibility.REDACTED, may_use=True)
    granted = tuple(
        membership.organization_id for membership in memberships if is_for(server, membership)
    )
    if not granted:
        return _NO_ACCESS
    return Access(Visibility.REDACTED, may_use=True, organization_ids=granted)


def needs_memberships(actor: Actor, server: MCPServer) -> bool:
    """Whether `decide` looks at the actor's memberships."""
    if actor.may(Permission.MCP_SERVER_READ):
        return False
    return server.enabled and not _is_for_all(server)


def may_select(actor: Actor, server: MCPServer, membership: Membership) -> bool:
    """Whether an actor may give a server to a chat of theirs in one organisation.

    What other organisations grant them does not count there, nor does a role override which
    organisations a server is for.
    """
    if not is_in(server, membership.organization_id):
        return False
    return decide(actor, server, [membership]).may_use


def is_in(server: MCPServer, organization_id: str) -> bool:
    """Whether a server is for an organisation."""
    return not server.organization_ids or organization_id in server.organization_ids


def is_for(server: MCPServer, membership: Membership) -> bool:
    """Whether a server is for a member of an organisation."""
    if not is_in(server, membership.organization_id):
        return False
    allowed = server.access_list
    return (
        allowed is None
        or membership.user_id in allowed.user_ids
        or not allowed.group_ids.isdisjoint(membership.all_group_ids)
    )


def _is_for_all(server: MCPServer) -> bool:
    return not server.organization_ids and server.access_list is None

"""Which servers a chat gets: as its owner asks, as far as they may, and always the forced ones."""

from collections.abc import Sequence

from chalicelib.identity.models import Actor
from chalicelib.mcp_servers.errors import InvalidSelectionError
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.repository import MCPServerRepository
from chalicelib.mcp_servers.visibility import decide, is_in, may_select
from chalicelib.organizations.models import Membership
from chalicelib.sdk.mcp_servers import Availability


class ServerSelection:
    """Chooses the servers of chats; lives as long as the container."""

    def __init__(self, repository: MCPServerRepository) -> None:
        self._repository = repository

    def for_new_chat(
        self,
        actor: Actor,
        membership: Membership,
        requested: Sequence[str] | None,
        preset: Sequence[str] = (),
    ) -> list[str]:
        """The ids of the servers that a new chat of the actor's in an organisation gets.

        Raises:
            InvalidSelectionError: as `choose_for_new_chat`.
        """
        return choose_for_new_chat(self._list_usable(actor, membership), requested, preset)

    def for_workspace(
        self,
        actor: Actor,
        organization_id: str,
        membership: Membership | None,
        requested: Sequence[str],
        stored: Sequence[str] = (),
    ) -> list[str]:
        """The ids that a workspace has for its new chats; forced servers come with each chat.

        Args:
            actor: who asks for them.
            organization_id: whose workspace it is.
            membership: theirs in the organisation; None if they are only the deployment's admin.
            requested: ids.
            stored: what the workspace has already, and keeps if it is asked for.

        Raises:
            InvalidSelectionError: an id asked for is neither stored nor that of a server which the
                actor may use in the organisation.
        """
        chosen = list(dict.fromkeys(id_.lower() for id_ in requested))
        if all(id_ in stored for id_ in chosen):
            return chosen
        memberships = [membership] if membership else []
        usable = {
            server.id
            for server in self._repository.list_all()
            if is_in(server, organization_id) and decide(actor, server, memberships).may_use
        }
        refused = [id_ for id_ in chosen if id_ not in usable and id_ not in stored]
        if refused:
            raise InvalidSelectionError(refused, "default_mcp_server_ids")
        return chosen

    def for_message(
        self,
        actor: Actor,
        membership: Membership,
        stored: Sequence[str],
        requested: Sequence[str] | None,
    ) -> list[str]:
        """The ids of the servers that a chat of the actor's has once a message is sent to it.

        Raises:
            InvalidSelectionError: as `choose_for_message`.
        """
        return choose_for_message(self._list_usable(actor, membership), stored, requested)

    def for_step(
        self, actor: Actor, membership: Membership, stored: Sequence[str]
    ) -> list[MCPServer]:
        """The servers whose tools a chat has right now: chosen or forced, and still usable."""
        usable = {server.id: server for server in self._list_usable(actor, membership)}
        chosen = choose_for_message(list(usable.values()), stored, None)
        return [usable[id_] for id_ in chosen if id_ in usable]

    def existing_ids(self) -> frozenset[str]:
        """The ids of all servers, so that chats can forget the deleted ones."""
        return frozenset(server.id for server in self._repository.list_all())

    def _list_usable(self, actor: Actor, membership: Membership) -> list[MCPServer]:
        servers = self._repository.list_all()
        return [server for server in servers if may_select(actor, server, membership)]


def choose_for_new_chat(
    usable: Sequence[MCPServer], requested: Sequence[str] | None, preset: Sequence[str] = ()
) -> list[str]:
    """The ids that a new chat gets: as asked for, or the defaults; forced ones always.

    Args:
        usable: the servers that may be chosen.
        requested: ids; None asks for the defaults.
        preset: the defaults of the chat's workspace, in place of the servers that are on by
            default. Somebody else chose them: those that are not usable are left out.

    Raises:
        InvalidSelectionError: an id asked for is not that of a usable server.
    """
    if requested is None and preset:
        allowed = {server.id for server in usable}
        requested = [id_ for id_ in preset if id_ in allowed]
    elif requested is None:
        requested = [
            server.id for server in usable if server.availability is Availability.DEFAULT_ON
        ]
    return _choose(usable, requested, exempt=frozenset())


def choose_for_message(
    usable: Sequence[MCPServer], stored: Sequence[str], requested: Sequence[str] | None
) -> list[str]:
    """The ids that a chat has once a message is sent to it; forced ones always.

    What the chat has already is never refused: clients send the list back as they read it, and a
    server that was disabled since must not stop the conversation. It is not thereby usable.

    Args:
        usable: the servers that may be chosen.
        stored: what the chat has.
        requested: what it shall have instead; None changes nothing.

    Raises:
        InvalidSelectionError: an id asked for is neither stored nor that of a usable server.
    """
    chosen = stored if requested is None else requested
    return _choose(usable, chosen, exempt=frozenset(stored))


def _choose(
    usable: Sequence[MCPServer], requested: Sequence[str], *, exempt: frozenset[str]
) -> list[str]:
    chosen = list(dict.fromkeys(id_.lower() for id_ in requested))
    allowed = exempt | {server.id for server in usable}
    refused = [id_ for id_ in chosen if id_ not in allowed]
    if refused:
        raise InvalidSelectionError(refused)
    forced = [server.id for server in usable if server.availability is Availability.FORCE_ON]
    return list(dict.fromkeys([*chosen, *forced]))

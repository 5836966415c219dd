"""Users' own header values for servers whose admin left names for them to fill in.

They stand where a connection's tokens would: one item for each user and server, void with the same
generation, removed with the same cascades (`decisions/0014-user-headers-are-connections.md`).
"""

import json
from collections.abc import Mapping

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.encryption import Place, Vault
from chalicelib.encryption.fields import CONNECTION_USER_HEADERS
from chalicelib.identity.models import Actor
from chalicelib.mcp_servers.errors import (
    InvalidServerIDError,
    ServerNotFoundError,
    VersionConflictError,
)
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.oauth2.auditing import describe_connection
from chalicelib.oauth2.errors import UnknownUserHeadersError, UserHeadersRequiredError
from chalicelib.oauth2.models import Connection
from chalicelib.oauth2.repository import ConnectionRepository
from chalicelib.oauth2.tokens import key_scope_of
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock, parse_id


class UserHeaderService:
    """Keeps users' header values, sealed; lives as long as the container."""

    def __init__(
        self,
        repository: ConnectionRepository,
        servers: MCPServerService,
        organizations: OrganizationService,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._servers = servers
        self._organizations = organizations
        self._vault = vault
        self._clock = clock

    def list_filled(self, actor: Actor, server_id: str) -> dict[str, bool]:
        """The names that the admin declared, and whether the actor has a value for each.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
        """
        server = self._servers.require_visible(actor, server_id)
        connection = self._repository.find(actor.user_id, server.id)
        filled = _filled_names(connection, server)
        return {name: name.lower() in filled for name in server.user_header_names}

    def put(self, actor: Actor, server_id: str, values: Mapping[str, str]) -> dict[str, bool]:
        """Keep the actor's values in place of all former ones; an empty one is none.

        Names are compared as HTTP does, whatever their case (RFC 9110 section 5.1).

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            UnknownUserHeadersError: the admin declared no such name.
            VersionConflictError: an admin changed the server meanwhile.
        """
        server = self._servers.require_visible(actor, server_id)
        given = {name.lower(): value for name, value in values.items()}
        declared = {name.lower() for name in server.user_header_names}
        unknown = [name for name in values if name.lower() not in declared]
        if unknown:
            raise UnknownUserHeadersError(unknown)
        kept = {name: value for name, value in given.items() if value}
        if kept:
            self._store(actor, server, kept)
        else:
            self._forget(actor, server.id)
        return {name: name.lower() in kept for name in server.user_header_names}

    def remove(self, actor: Actor, server_id: str) -> None:
        """Forget the actor's values; whoever lost sight of the server may still do so.

        An unknown server, a hidden one and one without values look the same.

        Raises:
            InvalidServerIDError: the id is not a UUID.
        """
        parsed = parse_id(server_id)
        if parsed is None:
            raise InvalidServerIDError
        self._forget(actor, parsed)

    def _forget(self, actor: Actor, server_id: str) -> None:
        connection = self._repository.find(actor.user_id, server_id)
        if connection is not None and connection.user_headers:
            was = diff(describe_connection(connection), {})
            event = actor.did(Action.DISCONNECT, ObjectType.CONNECTION, server_id, was)
            self._repository.remove(connection, event)

    def _store(self, actor: Actor, server: MCPServer, values: dict[str, str]) -> None:
        scope = key_scope_of(self._organizations.ids_of(actor.user_id))
        place = _place(server.id, actor.user_id)
        connection = Connection(
            user_id=actor.user_id,
            server_id=server.id,
            access_token=b"",
            refresh_token=b"",
            token_type="",
            scope="",
            requested_scope="",
            issuer="",
            key_scope=scope,
            expires_at=None,
            grant_generation=server.grant_generation,
            created_at=self._clock(),
            user_headers=self._vault.seal(json.dumps(values), place, scope),
            user_header_names=tuple(values),
        )
        entered = diff({}, describe_connection(connection))
        event = actor.did(Action.CONNECT, ObjectType.CONNECTION, server.id, entered)
        try:
            self._repository.put(connection, server, event)
        except ServerNotFoundError as exc:
            raise VersionConflictError from exc


def has_all_user_headers(connection: Connection | None, server: MCPServer) -> bool:
    """Whether a user has filled in everything that an admin left to them."""
    return _filled_names(connection, server) >= {each.lower() for each in server.user_header_names}


def open_user_headers(
    vault: Vault, connection: Connection | None, server: MCPServer
) -> dict[str, str]:
    """A user's header values in the clear.

    Raises:
        UserHeadersRequiredError: values are missing; it names them.
    """
    filled = _filled_names(connection, server)
    missing = [name for name in server.user_header_names if name.lower() not in filled]
    if missing or connection is None:
        raise UserHeadersRequiredError(missing)
    place = _place(server.id, connection.user_id)
    values: dict[str, str] = json.loads(vault.open(connection.user_headers, place))
    return {name: values[name.lower()] for name in server.user_header_names}


def _filled_names(connection: Connection | None, server: MCPServer) -> set[str]:
    """In lower case: an admin may spell a name in another way."""
    if connection is None or connection.grant_generation != server.grant_generation:
        return set()
    return set(connection.user_header_names)


def _place(server_id: str, user_id: str) -> Place:
    return Place(CONNECTION_USER_HEADERS, server_id, user_id)

"""Small images that admins upload for servers, so that no page shows a third party's."""

import hashlib
from collections.abc import Container
from dataclasses import dataclass, replace
from functools import cached_property

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.images import find_image_type
from chalicelib.mcp_servers.auditing import describe_server
from chalicelib.mcp_servers.errors import (
    IconNotFoundError,
    IconTooLargeError,
    InvalidIconError,
    VersionConflictError,
)
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.repository import MCPServerRepository
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.primitives import Clock

MOST_ICON_BYTES = 32 * 1024


@dataclass(frozen=True)
class Icon:
    """A server's uploaded icon."""

    image: bytes
    content_type: str

    @cached_property
    def digest(self) -> str:
        """Names the image, for caches."""
        return hashlib.sha256(self.image).hexdigest()[:32]


class IconService:
    """Keeps servers' uploaded icons; lives as long as the container."""

    def __init__(
        self, repository: MCPServerRepository, servers: MCPServerService, clock: Clock
    ) -> None:
        self._repository = repository
        self._servers = servers
        self._clock = clock

    def get(self, actor: Actor, server_id: str) -> Icon:
        """The icon of a server that the actor may see.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            IconNotFoundError: no icon was uploaded for it.
        """
        server = self._servers.require_visible(actor, server_id)
        image = self._repository.find_icon(server.id)
        if image is None:
            raise IconNotFoundError
        return Icon(image, _sniff(image))

    def put(
        self,
        actor: Actor,
        server_id: str,
        image: bytes,
        versions: Container[int] | None = None,
    ) -> MCPServer:
        """Keep an icon in place of the former one, and let the server's `icon_url` lead to it.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            NotAllowedError: the actor may not.
            IconTooLargeError, InvalidIconError: it is no small image.
            VersionConflictError: the server is not at one of `versions`, or was changed meanwhile.
        """
        before = self._require(actor, server_id, versions)
        if len(image) > MOST_ICON_BYTES:
            raise IconTooLargeError(MOST_ICON_BYTES)
        icon = Icon(image, _sniff(image))
        after = self._changed(actor, before, icon_path(before.id))
        changes = diff(describe_server(before), {**describe_server(after), "icon": icon.digest})
        event = actor.did(Action.UPDATE, ObjectType.MCP_SERVER, after.id, changes)
        self._repository.put_icon(before, after, image, event)
        return after

    def remove(
        self, actor: Actor, server_id: str, versions: Container[int] | None = None
    ) -> MCPServer:
        """Remove the icon; an `icon_url` that led to it is empty then.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            NotAllowedError: the actor may not.
            IconNotFoundError: no icon was uploaded for it.
            VersionConflictError: the server is not at one of `versions`, or was changed meanwhile.
        """
        before = self._require(actor, server_id, versions)
        is_shown = before.icon_url == icon_path(before.id)
        after = self._changed(actor, before, "" if is_shown else before.icon_url)
        changes = diff({**describe_server(before), "icon": "uploaded"}, describe_server(after))
        event = actor.did(Action.UPDATE, ObjectType.MCP_SERVER, after.id, changes)
        self._repository.remove_icon(before, after, event)
        return after

    def _require(self, actor: Actor, server_id: str, versions: Container[int] | None) -> MCPServer:
        server = self._servers.require_allowed(actor, server_id, Permission.MCP_SERVER_WRITE)
        if versions is not None and server.version not in versions:
            raise VersionConflictError
        return server

    def _changed(self, actor: Actor, server: MCPServer, icon_url: str) -> MCPServer:
        return replace(
            server,
            icon_url=icon_url,
            updated_by=actor.user_id,
            updated_at=self._clock(),
            version=server.version + 1,
        )


def icon_path(server_id: str) -> str:
    """Where an uploaded icon is shown."""
    return f"/api/experimental/mcp/servers/{server_id}/icon"


def _sniff(image: bytes) -> str:
    found = find_image_type(image)
    if found is None:
        raise InvalidIconError
    return found

"""Small images that admins upload for servers, so that no page shows a third party's.

What the upload calls itself is not believed: only four raster formats are taken, by their own first
bytes. SVG is not among them, for it is a document that can run scripts.
"""

import hashlib
from collections.abc import Container
from dataclasses import dataclass, replace
from functools import cached_property

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
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

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
MOST_ICON_BYTES = 32 * 1024
_WEBP_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"VP8X"})


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
        return Icon(image, sniff_image(image))

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
        icon = Icon(image, sniff_image(image))
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


def sniff_image(data: bytes) -> str:
    """The media type of an image, by its own bytes (WHATWG MIME Sniffing section 6.1).

    Raises:
        InvalidIconError: it is none that we show.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP" and data[12:16] in _WEBP_CHUNKS:
        return "image/webp"
    raise InvalidIconError

"""The servers table.

SERVER      / <id>     an MCP server; one query reads them all
SLUG#<slug> / guard    keeps a slug unique
ICON#<id>   / icon     an uploaded icon
"""

from dataclasses import replace

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.mcp_servers.errors import (
    IconNotFoundError,
    ServerNotFoundError,
    SlugTakenError,
    VersionConflictError,
)
from chalicelib.mcp_servers.items import (
    IconItem,
    ServerItem,
    SlugGuardItem,
    to_attributes,
    to_server,
)
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.storage import Database, Transaction

_PARTITION = "SERVER"


class MCPServerRepository:
    """Stores MCP servers."""

    def __init__(self, database: Database, audit: AuditRepository) -> None:
        self._database = database
        self._audit = audit
        self._servers = database.bind(ServerItem, "servers")
        self._slugs = database.bind(SlugGuardItem, "servers")
        self._icons = database.bind(IconItem, "servers")

    def find(self, server_id: str) -> MCPServer | None:
        """A server by id, also one that is being deleted."""
        item = self._servers.find(_PARTITION, server_id)
        return None if item is None else to_server(item)

    def find_id_by_slug(self, slug: str) -> str | None:
        """The id of the server that has a slug."""
        guard = self._slugs.find(f"SLUG#{slug}", "guard")
        return None if guard is None else str(guard.server_id)

    def list_all(self) -> list[MCPServer]:
        """Every server that is not being deleted, in one query."""
        found = (to_server(item) for item in self._servers.query(_PARTITION, consistent_read=True))
        return [server for server in found if not server.deleting]

    def add(self, server: MCPServer, event: NewEvent) -> None:
        """Store a new server.

        Raises:
            SlugTakenError: another server has the slug.
        """
        self._add(self._audit.transaction(event), server)

    def reserve(self, server: MCPServer) -> None:
        """Store a server that waits for its discovery; `replace` completes it and records it.

        Raises:
            SlugTakenError: another server has the slug.
        """
        self._add(self._database.transaction(), server)

    def replace(self, before: MCPServer, after: MCPServer, event: NewEvent) -> None:
        """Store a changed server in place of the one that was read.

        Raises:
            SlugTakenError: another server has the new slug.
            VersionConflictError: somebody has written the server since.
        """
        unchanged = self._servers.at_version(before.version)
        transaction = self._audit.transaction(event)
        if after.slug != before.slug:
            self._claim_slug(transaction, after)
            self._release_slug(transaction, before)
        transaction.put(self._item(after), unchanged, VersionConflictError())
        transaction.commit()

    def hide(self, server: MCPServer, event: NewEvent) -> MCPServer:
        """Mark a server as being deleted and free its slug, all at once; returns it as it is then.

        Raises:
            VersionConflictError: somebody has written the server since it was read.
        """
        hidden = replace(server, deleting=True, enabled=False, version=server.version + 1)
        transaction = self._audit.transaction(event)
        self._release_slug(transaction, server)
        transaction.put(
            self._item(hidden),
            self._servers.at_version(server.version),
            VersionConflictError(),
        )
        transaction.commit()
        return hidden

    def remove(self, server: MCPServer) -> None:
        """Remove a server that is hidden, or was only reserved; the latter frees its slug.

        Its icon goes along.

        Raises:
            VersionConflictError: somebody has written the server since it was read.
        """
        transaction = self._database.transaction()
        if not server.deleting:
            self._release_slug(transaction, server)
        transaction.delete(
            self._icons(_icon_key(server.id), "icon"),
            self._icons.absent() | self._icons.present(),
            VersionConflictError(),
        )
        transaction.delete(
            self._servers(_PARTITION, server.id),
            self._servers.at_version(server.version),
            VersionConflictError(),
        )
        transaction.commit()

    def find_icon(self, server_id: str) -> bytes | None:
        """A server's uploaded icon."""
        item = self._icons.find(_icon_key(server_id), "icon")
        return None if item is None else bytes(item.image)

    def put_icon(self, before: MCPServer, after: MCPServer, image: bytes, event: NewEvent) -> None:
        """Store an icon, and the server that leads to it in place of the one that was read.

        Raises:
            VersionConflictError: somebody has written the server since.
        """
        transaction = self._audit.transaction(event)
        transaction.put(
            self._icons(PK=_icon_key(after.id), SK="icon", image=image),
            self._icons.absent() | self._icons.present(),
            VersionConflictError(),
        )
        unchanged = self._servers.at_version(before.version)
        transaction.put(self._item(after), unchanged, VersionConflictError())
        transaction.commit()

    def remove_icon(self, before: MCPServer, after: MCPServer, event: NewEvent) -> None:
        """Remove an icon, and store the server that no longer leads to it.

        Raises:
            IconNotFoundError: there is none.
            VersionConflictError: somebody has written the server since.
        """
        transaction = self._audit.transaction(event)
        icon = self._icons(_icon_key(after.id), "icon")
        transaction.delete(icon, self._icons.present(), IconNotFoundError())
        unchanged = self._servers.at_version(before.version)
        transaction.put(self._item(after), unchanged, VersionConflictError())
        transaction.commit()

    def require_destination(self, transaction: Transaction, server: MCPServer) -> None:
        """Let a transaction through only while the server still leads where it led when read."""
        transaction.check(
            self._servers,
            (_PARTITION, server.id),
            (self._servers.grant_generation == server.grant_generation)
            & (self._servers.deleting == False),  # noqa: E712 -- a condition, not a comparison
            ServerNotFoundError(),
        )

    def raise_approvals(self, transaction: Transaction, server: MCPServer) -> None:
        """Let a transaction replace the approvals of a server's tools.

        It raises `VersionConflictError` if somebody has written the server since.
        """
        transaction.update(
            self._servers(_PARTITION, server.id),
            [
                self._servers.version.set(server.version + 1),
                self._servers.tool_approvals.set(server.tool_approvals + 1),
            ],
            self._servers.at_version(server.version) & (self._servers.deleting == False),  # noqa: E712 -- a condition, not a comparison
            VersionConflictError(),
        )

    def _add(self, transaction: Transaction, server: MCPServer) -> None:
        self._claim_slug(transaction, server)
        transaction.put(self._item(server), self._servers.absent(), VersionConflictError())
        transaction.commit()

    def _claim_slug(self, transaction: Transaction, server: MCPServer) -> None:
        transaction.put(
            self._slugs(PK=f"SLUG#{server.slug}", SK="guard", server_id=server.id),
            self._slugs.absent(),
            SlugTakenError(server.slug),
        )

    def _item(self, server: MCPServer) -> ServerItem:
        return self._servers(PK=_PARTITION, SK=server.id, **to_attributes(server))

    def _release_slug(self, transaction: Transaction, server: MCPServer) -> None:
        transaction.delete(
            self._slugs(f"SLUG#{server.slug}", "guard"),
            self._slugs.server_id == server.id,
            VersionConflictError(),
        )


def _icon_key(server_id: str) -> str:
    return f"ICON#{server_id}"

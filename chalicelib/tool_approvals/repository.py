"""Approvals in the servers table: `TOOLS#<server id> / <number>`, pieces of one document.

The server's own item says which version of them counts, so that whoever has read it need not read
them to know that there are none, or that those in memory are still good.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from pynamodb.attributes import BinaryAttribute, NumberAttribute

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.mcp_client.models import Tool
from chalicelib.mcp_servers.errors import VersionConflictError
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.repository import MCPServerRepository
from chalicelib.storage import Database, VersionedItem
from chalicelib.storage.conditions import refusal_ignored
from chalicelib.tool_approvals.errors import ApprovalsBusyError, ApprovalsTooLargeError
from chalicelib.tool_approvals.models import Approval, Approvals

_PIECE_BYTES = 300 * 1024  # An item holds 400 KB.
# A transaction takes 4 MB, and replaces the old pieces with the new.
_MOST_BYTES = 1536 * 1024
_MOST_READS = 3


@dataclass(frozen=True, slots=True)
class StoredApprovals:
    """Approvals as they were read: their version, and in how many pieces."""

    approvals: Approvals
    version: int
    pieces: int


class ApprovalsItem(VersionedItem):
    """A piece of the compressed document."""

    pieces = NumberAttribute()
    data = BinaryAttribute(legacy_encoding=False)


class ToolApprovalRepository:
    """Stores what admins have approved of servers' tools."""

    def __init__(
        self, database: Database, audit: AuditRepository, servers: MCPServerRepository
    ) -> None:
        self._audit = audit
        self._servers = servers
        self._items = database.bind(ApprovalsItem, "servers")

    def load(self, server_id: str) -> StoredApprovals:
        """The latest approvals of a server that has some.

        Raises:
            ApprovalsBusyError: they are being written again and again.
        """
        for _ in range(_MOST_READS):
            items = self._read(server_id)
            versions = {int(item.version) for item in items}
            if len(versions) == 1 and len(items) == items[0].pieces:
                approvals = _unpack(b"".join(item.data for item in items))
                return StoredApprovals(approvals, versions.pop(), len(items))
        raise ApprovalsBusyError

    def replace(
        self,
        server: MCPServer,
        before: StoredApprovals | None,
        approvals: Approvals,
        event: NewEvent,
    ) -> None:
        """Store approvals in place of those that were read after the server, if it has some.

        Raises:
            ApprovalsTooLargeError: they do not fit.
            VersionConflictError: somebody has written the server since it was read.
        """
        data, version = _pack(approvals), server.tool_approvals + 1
        pieces = [data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES)]
        transaction = self._audit.transaction(event)
        self._servers.raise_approvals(transaction, server)
        replaced = self._items.at_version(server.tool_approvals)
        for number, piece in enumerate(pieces):
            item = self._items(
                PK=_key(server.id), SK=_piece(number), version=version, pieces=len(pieces)
            )
            item.data = piece
            transaction.put(item, self._items.absent() | replaced, VersionConflictError())
        for number in range(len(pieces), before.pieces if before else 0):
            item = self._items(_key(server.id), _piece(number))
            transaction.delete(item, replaced, VersionConflictError())
        transaction.commit()

    def remove_all(self, server_id: str) -> None:
        """Remove a server's approvals; safe to repeat."""
        for item in self._read(server_id):
            with refusal_ignored():
                item.delete(condition=self._items.present())

    def _read(self, server_id: str) -> Sequence[ApprovalsItem]:
        return list(self._items.query(_key(server_id), consistent_read=True))


def _key(server_id: str) -> str:
    return f"TOOLS#{server_id}"


def _piece(number: int) -> str:
    return f"{number:04}"


def _pack(approvals: Approvals) -> bytes:
    document = [
        {
            "tool": asdict(each.tool),
            "approved_by": each.approved_by,
            "approved_at": each.approved_at.isoformat(),
        }
        for each in approvals.values()
    ]
    data = zlib.compress(json.dumps(document, ensure_ascii=False).encode())
    if len(data) > _MOST_BYTES:
        raise ApprovalsTooLargeError
    return data


def _unpack(data: bytes) -> Approvals:
    approvals = [
        Approval(
            tool=Tool(**each["tool"]),
            approved_by=each["approved_by"],
            approved_at=datetime.fromisoformat(each["approved_at"]),
        )
        for each in json.loads(zlib.decompress(data))
    ]
    return {each.tool.name: each for each in approvals}

"""The audit log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from ..audit import AuditEvent, AuditEvents
from ..connection import not_ours
from ..paging import PAGE_SIZE, iterate_pages
from ..reading import read_json
from .base import Methods

_AUDIT = "/api/v2/audit"
_MOST_EXPORTED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which events are wanted: those that are like all that is given.

    Attributes:
        actor: a user's id, `me`, or `operator`.
        action: for instance `create`.
        object_type: for instance `mcp_server`.
        object_id: the object's id.
        organization_id: the organisation to which they belong; its admins must give it.
        since: this moment and later.
        until: before this moment.
    """

    actor: str | None = None
    action: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    organization_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def to_query(self, limit: int | None, cursor: str | None) -> dict[str, str | int | None]:
        """The parameters that ask for a page."""
        return {
            "actor": self.actor,
            "action": self.action,
            "object_type": self.object_type,
            "object_id": self.object_id,
            "organization_id": self.organization_id,
            "from": self.since.isoformat() if self.since else None,
            "to": self.until.isoformat() if self.until else None,
            "limit": limit,
            "cursor": cursor,
        }


class AuditMethods(Methods):
    """Who did what to which object, newest first."""

    def list_audit_events(
        self,
        wanted: AuditFilter = AuditFilter(),
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AuditEvents:
        """A page of events."""
        return self._connection.get(AuditEvents, _AUDIT, wanted.to_query(limit, cursor))

    def iter_audit_events(
        self,
        wanted: AuditFilter = AuditFilter(),
        *,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[AuditEvent]:
        """All events, page by page."""

        def get_page(cursor: str | None) -> tuple[list[AuditEvent], str | None]:
            page = self.list_audit_events(wanted, limit=page_size, cursor=cursor)
            return page.events, page.next_cursor

        return iterate_pages(get_page)

    def export_audit_events(
        self,
        wanted: AuditFilter = AuditFilter(),
        *,
        page_size: int = _MOST_EXPORTED,
    ) -> Iterator[AuditEvent]:
        """All events, a thousand in each request."""

        def get_page(cursor: str | None) -> tuple[list[AuditEvent], str | None]:
            query = wanted.to_query(page_size, cursor)
            answer = self._connection.send("GET", f"{_AUDIT}/export", query=query)
            try:
                # Only a line feed ends a line; JSON may hold what Unicode calls a line break.
                lines = [line for line in answer.content.split(b"\n") if line]
                events = [read_json(AuditEvent, line) for line in lines]
            except ValidationError:
                raise not_ours(answer) from None
            return events, answer.headers.get("X-Next-Cursor")

        return iterate_pages(get_page)

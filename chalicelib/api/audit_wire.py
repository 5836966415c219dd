"""From the audit log's models to wire types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.sdk import audit

if TYPE_CHECKING:
    from chalicelib.audit.models import Event, EventPage


def to_events(page: EventPage) -> audit.AuditEvents:
    """A page of the audit log."""
    return audit.AuditEvents(
        events=[to_event(event) for event in page.events], next_cursor=page.next_cursor or None
    )


def to_event(event: Event) -> audit.AuditEvent:
    """One event of the audit log."""
    return audit.AuditEvent(
        id=event.id,
        time=event.time,
        action=event.action,
        object_type=event.object_type,
        object_id=event.object_id,
        organization_id=event.organization_id,
        actor_id=event.actor_id,
        actor_username=event.actor_username or None,
        request_id=event.request.request_id or None,
        source_ip=event.request.source_ip or None,
        user_agent=event.request.user_agent or None,
        diff={
            name: audit.AuditChange(
                old=change.old,
                new=change.new,
                secret=change.secret or None,
                abridged=change.abridged or None,
            )
            for name, change in event.diff.items()
        },
    )

"""The audit log's wire types."""

from datetime import datetime
from typing import Any

from .base import KnownID, Reply


class AuditChange(Reply):
    """What became of one field: an absent side had nothing there; a secret is only told of."""

    old: Any = None
    new: Any = None
    secret: bool | None = None
    abridged: bool | None = None
    """True when what is shown is not all: texts are cut, long lists tell what went and came."""


class AuditEvent(Reply):
    """Somebody did something."""

    id: KnownID
    time: datetime
    action: str
    object_type: str
    object_id: str
    organization_id: KnownID | None = None
    actor_id: str
    actor_username: str | None = None
    request_id: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None
    diff: dict[str, AuditChange]


class AuditEvents(Reply):
    """A page of events, newest first; `next_cursor` is absent on the last."""

    events: list[AuditEvent]
    next_cursor: str | None = None

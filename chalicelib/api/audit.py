"""The audit log: pages of it, and lines for other programs."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from chalicelib.api.audit_wire import to_event, to_events
from chalicelib.api.call import Call
from chalicelib.api.contract import Parameter, limit
from chalicelib.api.errors import InvalidQueryError
from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Route
from chalicelib.audit.models import Action, EventFilter, ObjectType
from chalicelib.audit.service import MOST_EXPORTED, MOST_LISTED
from chalicelib.identity.models import OPERATOR
from chalicelib.primitives import parse_id
from chalicelib.sdk.audit import AuditEvents
from chalicelib.sdk.base import to_json

NEXT_CURSOR = "X-Next-Cursor"
_LINES = "application/x-ndjson"

E = TypeVar("E", bound=StrEnum)
_DEFAULT_LIMIT = 50


def list_events(call: Call) -> Reply:
    """A page of events, newest first."""
    page = call.services.audit.list_events(
        call.actor,
        _filter(call),
        limit=_limit(call, _DEFAULT_LIMIT),
        cursor=call.query("cursor") or "",
    )
    return json_reply(to_events(page))


def export_events(call: Call) -> Reply:
    """The same as JSON lines; a header carries the cursor while there is more."""
    page = call.services.audit.export(
        call.actor,
        _filter(call),
        limit=_limit(call, MOST_EXPORTED),
        cursor=call.query("cursor") or "",
    )
    lines = [to_json(to_event(event)) + "\n" for event in page.events]
    headers = {"Content-Type": _LINES}  # Also of a page without a line.
    if page.next_cursor:
        headers[NEXT_CURSOR] = page.next_cursor
    return Reply(200, "".join(lines), headers["Content-Type"], headers)


def _filter(call: Call) -> EventFilter:
    return EventFilter(
        organization_id=_id(call, "organization_id"),
        actor_id=_actor_id(call),
        object_type=_choice(call, "object_type", ObjectType),
        object_id=_id(call, "object_id"),
        action=_choice(call, "action", Action),
        since=_moment(call, "from"),
        until=_moment(call, "to"),
    )


def _limit(call: Call, default: int) -> int:
    limit = call.number("limit")
    return default if limit is None else limit


def _actor_id(call: Call) -> str | None:
    known = {"me": call.actor.user_id, OPERATOR.user_id: OPERATOR.user_id}
    return known.get(call.query("actor") or "") or _id(call, "actor")


def _id(call: Call, name: str) -> str | None:
    text = call.query(name)
    if text is None:
        return None
    parsed = parse_id(text)
    if parsed is None:
        raise InvalidQueryError(name, "must be a UUID")
    return parsed


def _choice(call: Call, name: str, choices: type[E]) -> E | None:
    text = call.query(name)
    if text is None:
        return None
    try:
        return choices(text)
    except ValueError:
        raise InvalidQueryError(name, f"must be one of {', '.join(choices)}") from None


def _moment(call: Call, name: str) -> datetime | None:
    text = call.query(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        detail = "must be a date or time such as 2026-11-23 or 2026-11-23T12:00:00Z"
        raise InvalidQueryError(name, detail) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_ALL = "/api/v2/audit"
_FILTERS = (
    Parameter("actor", "Whose deeds: an id, `me`, or `operator`, who works on the tables."),
    Parameter("object_type", "What it was done to.", choices=ObjectType),
    Parameter(
        "object_id",
        "To which one; of a membership the user's, of a connection the server's.",
        format="uuid",
    ),
    Parameter("organization_id", "What belongs to this organisation.", format="uuid"),
    Parameter("action", "What was done.", choices=Action),
    Parameter(
        "from", "The first time of interest, such as `2026-11-23T12:00:00Z`, or date, in UTC."
    ),
    Parameter("to", "The first date or time that is of none any more."),
    Parameter("cursor", "Where the page before ended, with the same other parameters and caller."),
)
ROUTES = (
    Route(
        "GET",
        _ALL,
        list_events,
        reply=AuditEvents,
        query=(*_FILTERS, limit(MOST_LISTED, _DEFAULT_LIMIT)),
        errors=(404,),
    ),
    Route(
        "GET",
        f"{_ALL}/export",
        export_events,
        reply=_LINES,
        headers=(NEXT_CURSOR,),
        query=(*_FILTERS, limit(MOST_EXPORTED, MOST_EXPORTED)),
        errors=(404,),
    ),
)

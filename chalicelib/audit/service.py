"""Reading the audit log: who may, and how much at a time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from chalicelib.audit.errors import InvalidAuditQueryError
from chalicelib.audit.models import Event, EventFilter, EventPage, EventRange
from chalicelib.audit.repository import AuditRepository
from chalicelib.encryption import Cursors
from chalicelib.primitives import Clock, first_id_at, last_id_before

MOST_LISTED = 200
MOST_EXPORTED = 1000

# Whichever comes first ends a page, and a cursor leads on: a Lambda may answer 6 MB in 29 s.
_MOST_BYTES = 2_000_000
_MOST_QUERIES = 24

_CLOCK_SKEW = timedelta(minutes=5)  # Between the container that writes and the one that reads.


class Reader(Protocol):
    """Who reads: an `identity.models.Actor`, which stands above this package."""

    @property
    def user_id(self) -> str:
        """Their id."""


R = TypeVar("R", bound=Reader)


class AuditService(Generic[R]):
    """Reads the audit log; lives as long as the container.

    Args:
        repository: where events are stored.
        cursors: makes and reads the cursors of pages.
        require_reader: insists that somebody may read an organisation's events; None means all.
        clock: the time.
        retention: how far back the log goes.
    """

    def __init__(
        self,
        repository: AuditRepository,
        cursors: Cursors,
        require_reader: Callable[[R, str | None], None],
        clock: Clock,
        retention: timedelta,
    ) -> None:
        self._repository = repository
        self._cursors = cursors
        self._require_reader = require_reader
        self._clock = clock
        self._retention = retention

    def list_events(self, reader: R, wanted: EventFilter, *, limit: int, cursor: str) -> EventPage:
        """A page of events, newest first; it may be short, or empty, while a cursor leads on.

        Raises:
            NotAllowedError: the reader may not.
            OrganizationNotFoundError: there is no such organisation, or the reader may not know.
            InvalidAuditQueryError: the limit is out of range.
            InvalidCursorError: the cursor is not this reader's, or of another query.
        """
        return self._read(reader, wanted, limit, MOST_LISTED, cursor)

    def export(self, reader: R, wanted: EventFilter, *, limit: int, cursor: str) -> EventPage:
        """As `list_events`, for longer pages.

        Raises:
            As `list_events`.
        """
        return self._read(reader, wanted, limit, MOST_EXPORTED, cursor)

    def _read(
        self, reader: R, wanted: EventFilter, limit: int, most: int, cursor: str
    ) -> EventPage:
        self._require_reader(reader, wanted.organization_id)
        if not 1 <= limit <= most:
            raise InvalidAuditQueryError("limit", f"must be from 1 to {most}")
        query, rest = wanted.describe(), self._range(wanted)
        if cursor:
            last = self._cursors.open(cursor, caller_id=reader.user_id, query=query)
            rest = EventRange(rest.first, last)
        events: list[Event] = []
        for _ in range(_MOST_QUERIES):
            if rest.is_empty or len(events) == limit or _size(events) > _MOST_BYTES:
                break
            reading = self._repository.read(wanted, rest, limit - len(events))
            events += reading.events
            rest = reading.rest
        if rest.is_empty:
            return EventPage(tuple(events), "")
        sealed = self._cursors.seal(rest.last, caller_id=reader.user_id, query=query)
        return EventPage(tuple(events), sealed)

    def _range(self, wanted: EventFilter) -> EventRange:
        now = self._clock()
        oldest, newest = now - self._retention, now + _CLOCK_SKEW
        since = oldest if wanted.since is None else max(wanted.since, oldest)
        until = newest if wanted.until is None else min(wanted.until, newest)
        return EventRange(first_id_at(since), last_id_before(first_id_at(until)))


def _size(events: list[Event]) -> int:
    return sum(event.size for event in events)

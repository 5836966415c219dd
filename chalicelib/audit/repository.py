"""The audit table.

MONTH#<yyyy-mm> / <event>   an event; in the indexes actor, object and organization under those ids

Event ids are UUIDs of version 7, so a range of time is a range of ids everywhere. There is nothing
here to change or remove an event, and the function's role may not (`.chalice/policy-api.json`);
DynamoDB removes each when its retention is over.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pynamodb.attributes import JSONAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib.audit.errors import EventExistsError
from chalicelib.audit.models import (
    Change,
    Event,
    EventFilter,
    EventRange,
    NewEvent,
    RequestContext,
)
from chalicelib.primitives import (
    Clock,
    first_id_at,
    last_id_before,
    new_time_ordered_id,
    time_of_id,
)
from chalicelib.storage import Database, Item, Transaction, UTCDateTime

_BYTES_BESIDE_THE_DIFF = 700  # Ids, names, keys; as the API writes them.


class ActorIndex(GlobalSecondaryIndex[Any]):
    """Events by who did it."""

    class Meta:
        index_name = "actor"
        projection = AllProjection()

    actor_id = UnicodeAttribute(hash_key=True)
    SK = UnicodeAttribute(range_key=True)


class ObjectIndex(GlobalSecondaryIndex[Any]):
    """Events by what it was done to."""

    class Meta:
        index_name = "object"
        projection = AllProjection()

    object_id = UnicodeAttribute(hash_key=True)
    SK = UnicodeAttribute(range_key=True)


class OrganizationIndex(GlobalSecondaryIndex[Any]):
    """Events by organisation; sparse."""

    class Meta:
        index_name = "organization"
        projection = AllProjection()

    organization_id = UnicodeAttribute(hash_key=True)
    SK = UnicodeAttribute(range_key=True)


class EventItem(Item):
    """An event."""

    by_actor = ActorIndex()
    by_object = ObjectIndex()
    by_organization = OrganizationIndex()
    time = UTCDateTime()
    action = UnicodeAttribute()
    object_type = UnicodeAttribute()
    object_id = UnicodeAttribute()
    organization_id = UnicodeAttribute(null=True)
    actor_id = UnicodeAttribute()
    actor_username = UnicodeAttribute()
    request_id = UnicodeAttribute()
    source_ip = UnicodeAttribute()
    user_agent = UnicodeAttribute()
    diff: JSONAttribute = JSONAttribute()
    expires_at = TTLAttribute()


@dataclass(frozen=True, slots=True)
class Reading:
    """What one query found, and what it leaves to be read."""

    events: list[Event]
    rest: EventRange


class AuditRepository:
    """Records events and reads them.

    Args:
        database: where they are stored.
        clock: the time.
        retention: how long an event is kept.
    """

    def __init__(self, database: Database, clock: Clock, retention: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._retention = retention
        self._events = database.bind(EventItem, "audit")

    def transaction(self, event: NewEvent) -> Transaction:
        """A transaction that records an event; the change itself is to be added to it."""
        transaction = self._database.transaction()
        self.record(transaction, event)
        return transaction

    def record(self, transaction: Transaction, event: NewEvent) -> None:
        """Record one more event in a transaction."""
        transaction.put(self._to_item(event), self._events.absent(), EventExistsError())
        kind = event.object_type.replace("_", " ")
        self.accompany(transaction, event.request, f"{kind} {event.object_id}")

    def accompany(self, transaction: Transaction, request: RequestContext, created: str) -> None:
        """Let a request's companion write along; with `record`, it does so already."""
        if request.companion:
            request.companion.join(transaction, created)

    def read(self, wanted: EventFilter, ids: EventRange, most: int) -> Reading:
        """Events of a range that pass a filter, newest first, by one query.

        The query goes to the narrowest index that fits, else to the range's latest month. It ends
        before the range does when it has `most` events or has looked at a megabyte.
        """
        index_name, hash_key = _place(wanted, ids)
        first = ids.first if index_name else max(ids.first, _first_id_of_month(ids.last))
        condition = self._condition(wanted, index_name)
        result = self._events.query(
            hash_key,
            self._events.SK.between(first, ids.last),
            condition,
            index_name=index_name,
            consistent_read=index_name is None,  # Indexes offer nothing but eventual reads.
            scan_index_forward=False,
            page_size=most if condition is None else None,
        )
        page = next(result.page_iter)
        events = [_to_event(self._events.from_raw_data(raw)) for raw in page["Items"]][:most]
        if len(events) == most:
            last = last_id_before(events[-1].id)
        elif page.get("LastEvaluatedKey"):
            last = last_id_before(page["LastEvaluatedKey"]["SK"]["S"])
        else:
            last = last_id_before(first)
        return Reading(events, EventRange(ids.first, last))

    def _condition(self, wanted: EventFilter, index_name: str | None) -> Condition | None:
        """What the key of the query does not say already."""
        values = {
            "organization_id": wanted.organization_id,
            "actor_id": wanted.actor_id,
            "object_id": wanted.object_id,
            "object_type": wanted.object_type,
            "action": wanted.action,
        }
        condition: Condition | None = None
        for name, value in values.items():
            if value is not None and name != f"{index_name}_id":
                holds = getattr(self._events, name) == value
                condition = holds if condition is None else condition & holds
        return condition

    def _to_item(self, event: NewEvent) -> EventItem:
        now = self._clock()
        return self._events(
            PK=_month_key(now),
            SK=new_time_ordered_id(now),
            time=now,
            action=event.action,
            object_type=event.object_type,
            object_id=event.object_id,
            organization_id=event.organization_id,
            actor_id=event.actor_id,
            actor_username=event.actor_username,
            request_id=event.request.request_id,
            source_ip=event.request.source_ip,
            user_agent=event.request.user_agent,
            diff={name: asdict(change) for name, change in event.diff.items()},
            expires_at=now + self._retention,
        )


def _place(wanted: EventFilter, ids: EventRange) -> tuple[str | None, str]:
    """The index to query and the key in it; no index means the table, month by month."""
    if wanted.object_id is not None:
        return "object", wanted.object_id
    if wanted.actor_id is not None:
        return "actor", wanted.actor_id
    if wanted.organization_id is not None:
        return "organization", wanted.organization_id
    return None, _month_key(time_of_id(ids.last))


def _month_key(time: datetime) -> str:
    return f"MONTH#{time.astimezone(UTC):%Y-%m}"


def _first_id_of_month(event_id: str) -> str:
    time = time_of_id(event_id)
    return first_id_at(time.replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def _to_event(item: EventItem) -> Event:
    return Event(
        id=item.SK,
        time=item.time,
        action=item.action,
        object_type=item.object_type,
        object_id=item.object_id,
        organization_id=item.organization_id,
        actor_id=item.actor_id,
        actor_username=item.actor_username,
        request=RequestContext(item.request_id, item.source_ip, item.user_agent),
        diff={name: Change(**change) for name, change in item.diff.items()},
        size=_BYTES_BESIDE_THE_DIFF + len(str(item.diff)),
    )

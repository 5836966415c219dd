"""What every item looks like: its keys, its version, its place in the lookup index."""

from datetime import UTC, datetime
from typing import Any

from pynamodb.attributes import Attribute, NumberAttribute, UnicodeAttribute
from pynamodb.constants import STRING
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model


def time_key(value: datetime) -> str:
    """A moment as text for a sort key: in UTC with microseconds, so text order is time order."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


class UTCDateTime(Attribute[datetime]):
    """An aware datetime, stored as ISO 8601 text."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        """The stored text of an aware datetime."""
        return time_key(value)

    def deserialize(self, value: str) -> datetime:
        """The datetime of a stored text."""
        return datetime.fromisoformat(value)


class Item(Model):
    """An item of one of our tables; `Database.bind` says of which."""

    PK = UnicodeAttribute(hash_key=True)
    SK = UnicodeAttribute(range_key=True)

    @classmethod
    def absent(cls) -> Condition:
        """The condition that no such item exists."""
        return cls.PK.does_not_exist()

    @classmethod
    def present(cls) -> Condition:
        """The condition that the item exists."""
        return cls.PK.exists()

    @classmethod
    def find(cls, hash_key: str, range_key: str) -> "Any":
        """The item with this key, read consistently, or None."""
        try:
            return cls.get(hash_key, range_key, consistent_read=True)
        except cls.DoesNotExist:
            return None


class VersionedItem(Item):
    """An item that is changed in place: a writer states the version that it read."""

    version = NumberAttribute()

    @classmethod
    def at_version(cls, version: int) -> Condition:
        """The condition that nobody has written the item since it was read."""
        return cls.version == version


class Lookup(GlobalSecondaryIndex[Any]):
    """The sparse index by which items are found other than by their own key."""

    class Meta:
        index_name = "lookup"
        projection = AllProjection()

    LPK = UnicodeAttribute(hash_key=True)
    LSK = UnicodeAttribute(range_key=True)


class LookupItem(Item):
    """An item that also stands in the lookup index."""

    lookup = Lookup()
    LPK = UnicodeAttribute()
    LSK = UnicodeAttribute()

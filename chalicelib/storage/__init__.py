"""DynamoDB plumbing: how items are keyed, bound to tables, written together and read back."""

from chalicelib.storage.database import Database, Transaction
from chalicelib.storage.errors import StorageUnavailableError
from chalicelib.storage.items import Item, Lookup, LookupItem, UTCDateTime, VersionedItem, time_key

__all__ = [
    "Database",
    "Item",
    "Lookup",
    "LookupItem",
    "StorageUnavailableError",
    "Transaction",
    "UTCDateTime",
    "VersionedItem",
    "time_key",
]

"""Tool lists that may be used again, for as long as their servers say."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.mcp_client.models import ToolListing
from chalicelib.primitives import Clock

_MAX_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CatalogKey:
    """Whose view of which server: a change of the config, or a new grant, makes another key."""

    server_id: str
    server_version: int
    user_id: str
    grant: str

    def public(self) -> "CatalogKey":
        """The key of what all users see."""
        return replace(self, user_id="", grant="")


class ToolCatalog:
    """Remembers tool lists (2026-07-28, caching); lives as long as the container, and is bounded.

    A list that a server calls private is found by nobody but the user who fetched it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._bytes = 0
        self._entries: OrderedDict[CatalogKey, tuple[ToolListing, datetime]] = OrderedDict()

    def find(self, key: CatalogKey) -> ToolListing | None:
        """A list that is still fresh."""
        with self._lock:
            for each in (key, key.public()):
                found = self._entries.get(each)
                if found is not None and found[1] > self._clock():
                    self._entries.move_to_end(each)
                    return found[0]
                self._drop(each)
        return None

    def put(self, key: CatalogKey, listing: ToolListing) -> None:
        """Keep a list for its lifetime; what was not used for longest makes room."""
        kept = key.public() if listing.is_public else key
        with self._lock:
            self._drop(key)
            self._drop(kept)
            if not listing.lifetime:
                return
            self._entries[kept] = (listing, self._clock() + listing.lifetime)
            self._bytes += listing.size
            while self._bytes > _MAX_BYTES:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: CatalogKey) -> None:
        dropped = self._entries.pop(key, None)
        if dropped is not None:
            self._bytes -= dropped[0].size

"""Doing something once, however many Lambdas want it at the same moment.

Providers rotate refresh tokens: the second use of one ends the whole grant. So whoever refreshes
takes a lease on the row first; the others wait for its result.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from chalicelib import patience
from chalicelib.oauth2.errors import RefreshBusyError
from chalicelib.primitives import new_id
from chalicelib.storage import StorageUnavailableError

# Longer than the provider may take, so that a living holder does not lose it.
LEASE = timedelta(seconds=15)
_PAUSE_SECONDS = 0.2
_MOST_PAUSES = 60
_MOST_STORES = 3  # Within the lease; each of them is several, in botocore.
_PAUSE_BETWEEN_STORES_SECONDS = 0.5

T = TypeVar("T")


def take_turns(attempt: Callable[[str], T | None], pause: Callable[[float], object]) -> T:
    """What the first attempt that is not None gives.

    Args:
        attempt: takes the lease in the name of the holder that it is given and does it, or finds
            what another holder has done; None while that one is at it.
        pause: waits for some seconds.

    Raises:
        RefreshBusyError: another request did not finish in time.
    """
    holder = new_id()
    for _ in range(_MOST_PAUSES):
        found = attempt(holder)
        if found is not None:
            return found
        pause(_PAUSE_SECONDS)
    raise RefreshBusyError


def store_surely(store: Callable[[], T], pause: Callable[[float], object]) -> T:
    """What storing gives, if it comes to that: the provider has voided what was there before.

    It is tried once however long the request has waited already.

    Args:
        store: stores what nobody else has; it may be done twice.
        pause: waits for some seconds.

    Raises:
        StorageUnavailableError: the database is down for longer. It is lost.
    """
    try:
        with patience.unlimited():
            return store()
    except StorageUnavailableError:
        for _ in range(_MOST_STORES - 1):
            pause(_PAUSE_BETWEEN_STORES_SECONDS)
            with suppress(StorageUnavailableError):
                return store()
        raise

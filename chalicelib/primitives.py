"""The smallest shared words: time, identifiers, numbers."""

import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_MOST_DIGITS = 12
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment, aware and in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A fresh random identifier: a lower-case UUID (RFC 9562, version 4)."""
    return str(uuid.uuid4())


def new_time_ordered_id(now: datetime) -> str:
    """A fresh identifier whose text sorts by time: a UUID of version 7 (RFC 9562 section 5.7).

    Twelve of its random bits give the time below the millisecond (section 6.2, method 3).
    """
    milliseconds, rest = _split(now)
    time = milliseconds << 80 | 0x7 << 76 | rest << 64
    return str(uuid.UUID(int=time | 0x2 << 62 | secrets.randbits(62)))


def first_id_at(moment: datetime) -> str:
    """The least text of a time-ordered identifier of a moment: a bound for ranges, not an id."""
    milliseconds, rest = _split(moment)
    # Nothing but the time for a whole millisecond: the id before it is of an earlier one then.
    return str(uuid.UUID(int=milliseconds << 80 | (0x7 << 76 | rest << 64 if rest else 0)))


def time_of_id(time_ordered_id: str) -> datetime:
    """The millisecond that a time-ordered identifier, or a bound, was made for."""
    return datetime.fromtimestamp((uuid.UUID(time_ordered_id).int >> 80) / 1000, UTC)


def last_id_before(time_ordered_id: str) -> str:
    """The greatest text that sorts before an identifier; ranges include both their ends."""
    return str(uuid.UUID(int=uuid.UUID(time_ordered_id).int - 1))


def parse_id(text: str) -> str | None:
    """The canonical lower-case form of a UUID, or None if `text` is not one."""
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return None
    canonical = str(parsed)
    return canonical if text.lower() == canonical else None


def parse_number(text: str, least: int, most: int) -> int | None:
    """A whole number in ASCII digits, or None if `text` is none, or not from `least` to `most`.

    `str.isdigit` alone is true of "\u00b2", and `int` refuses that and thousands of digits.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        return None
    number = int(text)
    return number if least <= number <= most else None


def _split(moment: datetime) -> tuple[int, int]:
    """The milliseconds since 1970, and in 4096th parts of one what is left of the time."""
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    milliseconds, rest = divmod(max(microseconds, 1000), 1000)
    return milliseconds, rest * 4096 // 1000

"""The smallest shared words: time and identifiers."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment, aware and in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A fresh random identifier: a lower-case UUID (RFC 9562, version 4)."""
    return str(uuid.uuid4())


def parse_id(text: str) -> str | None:
    """The canonical lower-case form of a UUID, or None if `text` is not one."""
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return None
    canonical = str(parsed)
    return canonical if text.lower() == canonical else None

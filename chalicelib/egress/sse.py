"""Server-sent events (HTML Standard, section 9.2)."""

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from chalicelib.egress.errors import EgressResponseError

MAX_EVENT_BYTES: Final = 4 * 1024 * 1024

_DEFAULT_TYPE = "message"
_SENDABLE = re.compile(r"[\x20-\x7e]{0,4096}")


@dataclass(frozen=True, slots=True)
class Event:
    """One event; empty `data` is one that only carries an id, to resume at."""

    type: str
    data: str


class EventReader:
    """Reads a stream, and the streams that resume it; remembers where and when to resume.

    Attributes:
        last_event_id: of the last event that had one; empty if none had, or it cannot be sent.
        retry_seconds: how long to wait before resuming, or None if the server did not say.
    """

    def __init__(self) -> None:
        self.last_event_id = ""
        self.retry_seconds: float | None = None

    def iter_events(self, chunks: Iterable[bytes]) -> Iterator[Event]:
        """Each event as soon as it is whole; comments and an unfinished last event are not.

        Raises:
            EgressResponseError: an event is larger than `MAX_EVENT_BYTES`.
        """
        data: list[str] = []
        size = 0
        kind, event_id = "", self.last_event_id
        for line in _iter_lines(chunks):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                self.last_event_id = event_id
                if data:
                    yield Event(kind or _DEFAULT_TYPE, "\n".join(data))
                data, kind, size = [], "", 0
            elif field == "data":
                data.append(value)
                size = _add_size(size, value)
            elif field == "event":
                kind = value
            elif field == "id" and "\0" not in value:
                # Without an id that a header can hold, nothing can be resumed.
                event_id = value if _SENDABLE.fullmatch(value) else ""
            elif field == "retry" and value.isascii() and value.isdigit():
                self.retry_seconds = int(value[:9]) / 1000


def _iter_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Whole lines, whichever of the three line ends is used, and wherever the chunks are cut."""
    utf8 = codecs.getincrementaldecoder("utf-8-sig")("replace")
    decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
    pieces: list[str] = []  # Of a line that has not ended; joined once, however many there are.
    size = 0
    for chunk in chunks:
        text = decoder.decode(chunk)
        if "\n" not in text:
            pieces.append(text)
            size = _add_size(size, text)
            continue
        *lines, rest = "".join([*pieces, text]).split("\n")
        pieces, size = [rest], len(rest)
        yield from lines


def _add_size(size: int, text: str) -> int:
    """Both keep one event in memory, and no more than one."""
    size += len(text)
    if size > MAX_EVENT_BYTES:
        raise EgressResponseError(f"The server sent an event of more than {MAX_EVENT_BYTES} bytes.")
    return size

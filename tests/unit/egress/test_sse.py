from collections.abc import Iterable, Iterator

import pytest

from chalicelib.egress import EgressResponseError
from chalicelib.egress.sse import Event, EventReader


def iter_messages(chunks: Iterable[bytes]) -> Iterator[str]:
    events = EventReader().iter_events(chunks)
    return (event.data for event in events if event.type == "message")


@pytest.mark.parametrize(
    ("stream", "messages"),
    [
        ("data: a\n\n", ["a"]),
        ("data:a\n\ndata:b\n\n", ["a", "b"]),
        ("data:  a \n\n", [" a "]),
        ("data: a\ndata: b\ndata\n\n", ["a\nb\n"]),
        ("event: message\nid: 7\nretry: 1\ndata: a\n\n", ["a"]),
        ("event:\ndata: a\n\n", ["a"]),
        ("event: ping\ndata: a\n\ndata: b\n\n", ["b"]),
        (": comment\n\n:\n\ndata: a\n\n", ["a"]),
        ("\n\n\n", []),
        ("data: unfinished\n", []),
        ("data: unfinished", []),
        ("unknown: a\nDATA: b\n\n", []),
        ("\ufeffdata: a\n\n", ["a"]),
        ("data: é€😀\n\n", ["é€😀"]),
        ("data: a\u2028b\x0cc\n\n", ["a\u2028b\x0cc"]),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_messages_are_read_whatever_the_line_ends_and_chunks(
    stream: str, messages: list[str], line_end: str, size: int
) -> None:
    # A single CR at the very end waits for the LF that may follow; a comment comes after it.
    data = (stream.replace("\n", line_end) + (":" if stream.endswith("\n") else "")).encode()
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert list(iter_messages(chunks)) == messages


def test_a_message_is_delivered_before_the_next_chunk_is_read() -> None:
    chunks = iter([b"data: a\r\n\r\n", b"data: b\n\n"])
    assert next(iter_messages(chunks)) == "a"
    assert next(chunks) == b"data: b\n\n"


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    assert list(iter_messages([b"data: \xff\n\n"])) == ["\ufffd"]


def test_other_events_keep_their_type() -> None:
    stream = [b"event: endpoint\ndata: /messages\n\ndata: a\n\n"]
    assert list(EventReader().iter_events(stream)) == [
        Event("endpoint", "/messages"),
        Event("message", "a"),
    ]


def test_the_last_id_and_the_retry_time_are_remembered_across_streams() -> None:
    reader = EventReader()
    assert (reader.last_event_id, reader.retry_seconds) == ("", None)
    list(reader.iter_events([b"id: 7\nretry: 500\ndata:\n\nid: 8\ndata: unfinished\n"]))
    assert (reader.last_event_id, reader.retry_seconds) == ("7", 0.5)
    list(reader.iter_events([b"data: a\n\nid: 9\0\nretry: soon\ndata: b\n\n"]))
    assert (reader.last_event_id, reader.retry_seconds) == ("7", 0.5)


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 65536 + b"\n", b"x" * 65536])
def test_an_event_without_end_is_not_collected_for_ever(piece: bytes) -> None:
    sent: list[bytes] = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(piece)
            yield piece

    with pytest.raises(EgressResponseError, match="more than 4194304 bytes"):
        list(EventReader().iter_events(endless()))
    assert len(sent) <= 66

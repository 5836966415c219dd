import pytest

from chalicelib.mcp_client.sse import iter_messages


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

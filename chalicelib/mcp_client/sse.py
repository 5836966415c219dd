import codecs
import io
from collections.abc import Iterable, Iterator

_DEFAULT_TYPE = "message"


def iter_messages(chunks: Iterable[bytes]) -> Iterator[str]:
    """The data of each `message` event of a stream (HTML Standard, 9.2.6).

    Other events, comments and an unfinished last event are passed over.
    """
    data: list[str] = []
    kind = _DEFAULT_TYPE
    for line in _iter_lines(chunks):
        field, _, value = line.partition(":")
        if not line:
            if data and kind == _DEFAULT_TYPE:
                yield "\n".join(data)
            data, kind = [], _DEFAULT_TYPE
        elif field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            kind = value.removeprefix(" ") or _DEFAULT_TYPE


def _iter_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Whole lines, whichever of the three line ends is used, and wherever the chunks are cut."""
    utf8 = codecs.getincrementaldecoder("utf-8-sig")("replace")
    decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from lines

"""The difference between two descriptions of a tool, for people to read."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar

from chalicelib.mcp_client.models import Tool

_WIDTH = 200
# Of what is ours in a line; a text's own bracket is spelled out, so that it can be told from ours.
_MARK = "\u27e8"
_CONTINUED = "\u27e8\u2026\u27e9"
# Matching lines takes the square of their number; longer texts are shown one after the other.
_MOST_COMPARED = 1000
_MOST_LINES = 2000


@dataclass(frozen=True, slots=True)
class Difference:
    """Lines of a unified diff for each part that differs; `truncated` if some are not there."""

    MOST_LINES_OF_ALL: ClassVar[int] = 6000
    """Of one answer, which must fit into Lambda's 6 MB."""

    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    truncated: bool = False

    @property
    def size(self) -> int:
        """The number of lines."""
        return sum(map(len, self.parts.values()))


def compare(before: Tool | None, after: Tool, room: int) -> Difference:
    """What differs, in at most `room` lines; without `before`, all of `after` is new.

    Nothing hides in it: long lines are broken, and characters that cannot be seen are spelled out,
    such as those with which a description says one thing to people and another to models.
    """
    old, new = {} if before is None else _describe(before), _describe(after)
    room = min(room, _MOST_LINES)
    parts: dict[str, list[str]] = {}
    truncated = False
    for name, lines in new.items():
        if old.get(name, []) == lines:
            continue
        if room <= 0:  # Not even looked for: a server may have thousands.
            return Difference(parts, truncated=True)
        found = _diff(old.get(name, []), lines)
        parts[name] = list(islice(found, room))
        room -= len(parts[name])
        truncated = truncated or next(found, None) is not None
    return Difference(parts, truncated)


def _describe(tool: Tool) -> dict[str, list[str]]:
    """The lines of each part of a tool, empty for a part that says nothing."""
    return {
        "title": _lines(tool.title),
        "description": _lines(tool.description),
        "input_schema": _lines(_pretty(tool.input_schema)),
        "annotations": _lines(_pretty(tool.annotations)) if tool.annotations else [],
    }


def _pretty(value: Mapping[str, object]) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def _lines(text: str) -> list[str]:
    visible = [_make_visible(line) for line in text.split("\n")] if text else []
    return [
        (_CONTINUED if start else "") + line[start : start + _WIDTH]
        for line in visible
        for start in range(0, max(len(line), 1), _WIDTH)
    ]


def _make_visible(line: str) -> str:
    return "".join(
        each
        if each == "\t" or (each.isprintable() and each != _MARK)
        else f"\u27e8U+{ord(each):04X}\u27e9"
        for each in line
    )


def _diff(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    if max(len(before), len(after)) > _MOST_COMPARED:
        yield from (f"-{line}" for line in before)
        yield from (f"+{line}" for line in after)
        return
    found = difflib.unified_diff(before, after, lineterm="")
    yield from islice(found, 2, None)  # Without the names of the files that there are none of.

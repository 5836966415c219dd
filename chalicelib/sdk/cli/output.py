"""What commands print: tables and sentences for people, JSON for programs.

Names and descriptions come from other servers, and a terminal obeys what it is sent: control
characters and marks that reorder text are replaced before anything is shown to people. JSON is
ASCII, which escapes them.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..base import Reply, to_document

JSONValue = Reply | Mapping[str, Any] | Sequence[Any] | str | bool | None
# C0 and C1 controls, and Unicode's marks of writing direction (UAX #9).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSAFE_IN_BLOCK = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_WIDE = 100_000  # Nobody reads it at a terminal, so nothing is wrapped or cut.


def clean(text: str) -> str:
    """A text in one line that does nothing to a terminal but show."""
    return _UNSAFE.sub(" ", text)


def clean_block(text: str) -> str:
    """The same for a text of several lines."""
    return _UNSAFE_IN_BLOCK.sub(" ", text)


class Output:
    """Standard output, in one of its two forms."""

    def __init__(self) -> None:
        self.as_json = False

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], data: JSONValue) -> None:
        """Rows for people, `data` for programs."""
        if self.as_json:
            self.json(data)
            return
        if not rows:
            click.echo("None.")
            return
        table = Table(*columns, box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(Text(clean(_to_text(cell))) for cell in row))
        _console().print(table)

    def fields(self, pairs: Mapping[str, Any], data: JSONValue) -> None:
        """One thing, a line for each of its fields that has a value."""
        if self.as_json:
            self.json(data)
            return
        table = Table(box=None, show_header=False, pad_edge=False)
        for name, value in pairs.items():
            if value not in (None, "", []):
                table.add_row(Text(name, style="bold"), Text(clean(_to_text(value))))
        _console().print(table)

    def done(self, sentence: str, data: JSONValue) -> None:
        """A sentence for people, `data` for programs."""
        if self.as_json:
            self.json(data)
        else:
            click.echo(clean(sentence))

    def block(self, text: str, data: JSONValue) -> None:
        """A text of several lines for people, `data` for programs."""
        if self.as_json:
            self.json(data)
        else:
            click.echo(clean_block(text))

    def json(self, data: JSONValue) -> None:
        """Only ever called once by a command, so that its output is one document."""
        click.echo(json.dumps(to_jsonable(data), indent=2))


def note(text: str) -> None:
    """Something beside the result, for people; it never mixes with what programs read."""
    click.echo(clean(text), err=True)


def to_jsonable(data: Any) -> Any:
    """Wire types, in any lists and objects, as JSON has them."""
    if isinstance(data, Reply):
        return to_document(data)
    if isinstance(data, Mapping):
        return {name: to_jsonable(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [to_jsonable(each) for each in data]
    return data


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _console() -> Console:
    return Console(
        file=sys.stdout, width=None if sys.stdout.isatty() else _WIDE, highlight=False, markup=False
    )

"""A tool's arguments on the command line."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from .problems import Problem


def read_arguments(pairs: Sequence[str], document: str | None) -> dict[str, Any]:
    """The arguments of a JSON object, and over them `name=text` and `name:=json`.

    Raises:
        Problem: something is none of these.
    """
    if document == "-":
        document = sys.stdin.read()
    arguments = _parse(document, "--arguments") if document else {}
    if not isinstance(arguments, dict):
        raise Problem("--arguments must be a JSON object.")
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name.rstrip(":"):
            raise Problem(f"{pair} is neither NAME=TEXT nor NAME:=JSON.")
        if name.endswith(":"):
            arguments[name[:-1]] = _parse(value, name[:-1])
        else:
            arguments[name] = value
    return arguments


def _parse(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise Problem(f"{what} is not JSON.") from None

import json
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """A document that another server sent, as RFC 8259 has it.

    Raises:
        ValueError: it is not JSON. NaN and the infinities are not: Python would read them, and
            write them into our own answers. The error does not hold the document.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None


def _refuse(constant: str) -> None:
    raise ValueError(constant)

import json
import math
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """A document that another server sent, as RFC 8259 has it.

    Raises:
        ValueError: it is not JSON. NaN and the infinities are not: Python would read them, and
            write them into our own answers. A number such as 1e999 is one to Python, too. The
            error does not hold the document.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_parse_float)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number

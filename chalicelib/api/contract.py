"""What a route promises beyond its method, path and view: see `openapi.py`, which publishes it."""

from dataclasses import dataclass
from enum import StrEnum
from types import UnionType
from typing import Any, Literal

Wire = type[Any] | UnionType | str | None
"""A wire type, `list[…]` of one, either of two, or the media type of what has no wire type."""
PAGE = "text/html"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter.

    Attributes:
        choices: all values that it may have.
    """

    name: str
    description: str
    kind: Literal["string", "integer", "boolean"] = "string"
    format: str = ""
    choices: tuple[str, ...] | type[StrEnum] = ()
    minimum: int | None = None
    maximum: int | None = None
    default: int | None = None
    is_required: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        found: dict[str, Any] = {
            "type": self.kind,
            "format": self.format,
            "enum": [str(choice) for choice in self.choices],
            "minimum": self.minimum,
            "maximum": self.maximum,
            "default": self.default,
        }
        return {name: value for name, value in found.items() if value not in (None, "", [])}


@dataclass(frozen=True, slots=True)
class Answer:
    """One way in which a route answers when all is well.

    Attributes:
        headers: the names of those that are not on every answer.
    """

    status: int
    body: Wire = None
    headers: tuple[str, ...] = ()


def limit(most: int = 200, default: int = 50) -> Parameter:
    """How many things a page shall have."""
    description = "How many things a page shall have at most."
    return Parameter("limit", description, "integer", minimum=1, maximum=most, default=default)

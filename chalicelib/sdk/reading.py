"""From JSON to replies, checked by pydantic: what was answered, or what the server has stored."""

from collections.abc import Hashable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


def read_json(kind: type[T], text: str | bytes) -> T:
    """JSON as a reply, or as a list or mapping of some; what is unknown is ignored.

    Raises:
        pydantic.ValidationError: it is none.
    """
    found: T = _adapter(cast("Hashable", kind)).validate_json(text)
    return found


def read_document(kind: type[T], document: object) -> T:
    """JSON's types as a reply.

    Raises:
        pydantic.ValidationError: it is none.
    """
    found: T = _adapter(cast("Hashable", kind)).validate_python(document)
    return found


@cache
def _adapter(kind: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter  # Whoever reads nothing does without.

    return TypeAdapter(kind)

"""What all answers share. Requests are in `requests`.

The server makes an answer of what it knows, so nothing is to be checked there: replies are
dataclasses, and only whoever reads one needs pydantic, which took a fifth of a cold start.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self, dataclass_transform

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
class Reply:
    """Something that the server answers. Each kind is a dataclass; its fields go by their names."""

    # Not a member of the body: the client takes it from the answer's header. An annotation would
    # make it a field.
    _etag = ""

    def __init_subclass__(cls) -> None:
        dataclass(kw_only=True)(cls)

    @property
    def etag(self) -> str | None:
        """The version that was read (RFC 9110 section 8.8.3), where the deployment tells it."""
        return self._etag or None

    def with_etag(self, etag: str | None) -> Self:
        """The same, with its version."""
        self._etag = etag or ""
        return self


class Format:
    """Marks a text in an answer with a `format` of JSON Schema: it is told, not checked."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get_pydantic_json_schema__(
        self, schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> "JsonSchemaValue":
        return {**handler(schema), "format": self._name}


class TypeTag:
    """Marks a union of replies that are told apart by their `type` (pydantic: `Discriminator`)."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        from pydantic import Field

        return handler.generate_schema(Annotated[source, Field(discriminator="type")])


KnownID = Annotated[str, Format("uuid")]
"""A UUID in an answer."""

# C0 and C1 controls, and Unicode's overrides of writing direction (UAX #9): with them a name passes
# for another, or does something to the terminal that shows it.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def to_json(body: Reply | Sequence[Reply] | Mapping[str, Reply]) -> str:
    """A reply, or several, as JSON; what is None is left out.

    Raises:
        ValueError: it holds a number that JSON cannot, such as NaN.
    """
    return json.dumps(
        body, default=_to_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


def to_document(reply: Reply) -> dict[str, Any]:
    """A reply as JSON's types; what is None is left out."""
    document: dict[str, Any] = json.loads(to_json(reply))
    return document


def _to_plain(value: object) -> object:
    if isinstance(value, Reply):
        members = vars(value).items()
        return {name: each for name, each in members if each is not None and name != "_etag"}
    if isinstance(value, datetime):
        text = value.isoformat()
        return f"{text.removesuffix('+00:00')}Z" if text.endswith("+00:00") else text
    raise TypeError(f"{type(value).__name__} has no JSON form")

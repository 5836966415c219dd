from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as its server describes it.

    `input_schema` is JSON Schema exactly as sent: never completed, and its `$ref`s never followed.
    """

    name: str
    title: str
    description: str
    input_schema: dict[str, Any]
    annotations: dict[str, Any]

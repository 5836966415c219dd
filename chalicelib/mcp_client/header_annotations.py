"""The `x-mcp-header` annotations of tool schemas (2026-07-28, Streamable HTTP, custom headers)."""

import re
from collections.abc import Iterator
from typing import Any

_ANNOTATION = "x-mcp-header"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TYPES = ("string", "integer", "boolean")

# Where JSON Schema 2020-12 has schemas inside a schema. What else a schema holds is data: an
# annotation there is none, and `$ref` is not followed.
_HOLDS_SCHEMA = frozenset(
    (
        *("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
        *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
    )
)
_HOLDS_LIST = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_HOLDS_MAP = frozenset(("$defs", "definitions", "dependentSchemas", "patternProperties"))


def has_valid_header_annotations(input_schema: dict[str, Any]) -> bool:
    """Whether every annotation names a header that a client can send.

    Each must be an HTTP token (RFC 9110, section 5.6.2), unique whatever its case, on a string,
    integer or boolean property that is reached from the root through `properties` alone.
    """
    seen: set[str] = set()
    for schema, is_argument in _iter_schemas(input_schema):
        if _ANNOTATION not in schema:
            continue
        name = schema[_ANNOTATION]
        if not is_argument or schema.get("type") not in _TYPES:
            return False
        if not isinstance(name, str) or not _TOKEN.fullmatch(name) or name.lower() in seen:
            return False
        seen.add(name.lower())
    return True


def _iter_schemas(root: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every schema, and whether it describes an argument; a stack bears any depth."""
    stack: list[tuple[Any, bool, bool]] = [(root, False, True)]
    while stack:
        schema, is_argument, on_path = stack.pop()
        if not isinstance(schema, dict):
            continue
        yield schema, is_argument
        for keyword, value in schema.items():
            inside = keyword == "properties" and on_path
            stack.extend((each, inside, inside) for each in _subschemas(keyword, value))


def _subschemas(keyword: str, value: Any) -> list[Any]:
    if keyword in _HOLDS_SCHEMA:
        return [value]
    if keyword in _HOLDS_LIST and isinstance(value, list):
        return value
    if (keyword in _HOLDS_MAP or keyword == "properties") and isinstance(value, dict):
        return list(value.values())
    return []

"""The `x-mcp-header` annotations of tool schemas (2026-07-28, Streamable HTTP, custom headers)."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

_ANNOTATION = "x-mcp-header"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TYPES = ("string", "integer", "boolean")
_PLAIN_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?|")
_ENCODED, _ENCODED_END = "=?base64?", "?="

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


def build_parameter_headers(
    input_schema: Mapping[str, Any], arguments: Mapping[str, Any]
) -> dict[str, str]:
    """The `Mcp-Param-*` headers that mirror a call's arguments; null and absent ones have none.

    Args:
        input_schema: the tool's, with valid annotations.
        arguments: the call's.
    """
    headers: dict[str, str] = {}
    stack: list[tuple[Any, Any]] = [(input_schema, arguments)]
    while stack:
        schema, value = stack.pop()
        if not isinstance(schema, Mapping):
            continue
        text = _to_text(value)
        if _ANNOTATION in schema and text is not None:
            headers[f"Mcp-Param-{schema[_ANNOTATION]}"] = encode_value(text)
        properties = schema.get("properties")
        if isinstance(properties, Mapping) and isinstance(value, Mapping):
            stack.extend((properties[name], value[name]) for name in properties if name in value)
    return headers


def encode_value(text: str) -> str:
    """A text as a header's value (2026-07-28, Streamable HTTP, "Value Encoding")."""
    looks_encoded = text.startswith(_ENCODED) and text.endswith(_ENCODED_END)
    if _PLAIN_VALUE.fullmatch(text) and not looks_encoded:
        return text
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    return f"{_ENCODED}{encoded}{_ENCODED_END}"


def _to_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int) else None


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

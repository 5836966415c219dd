from typing import Any

import pytest

from chalicelib.mcp_client.header_annotations import has_valid_header_annotations


def argument(name: Any = "Region", type_: Any = "string") -> dict[str, Any]:
    return {"type": type_, "x-mcp-header": name}


def root(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        root(a={"type": "string"}),
        root(a=argument()),
        root(a=argument(type_="integer"), b=argument("Other", "boolean")),
        root(a=root(b=argument())),
        root(a=argument("!#$%&'*+-.^_`|~09AZaz")),
        # No schemas, but data and names that look like annotations.
        root(**{"x-mcp-header": {"type": "string"}}),
        root(a={"type": "object", "default": argument("not valid")}),
        root(a={"enum": [argument("not valid")], "const": argument("")}),
        {"$ref": "https://elsewhere.test/schema", "unknown": argument("not valid")},
        {"properties": "none", "anyOf": "none", "$defs": [], "items": True},
    ],
)
def test_schemas_whose_annotations_can_be_sent_are_valid(schema: dict[str, Any]) -> None:
    assert has_valid_header_annotations(schema)


@pytest.mark.rule(64)
@pytest.mark.parametrize(
    "schema",
    [
        root(a=argument("")),
        root(a=argument("two words")),
        root(a=argument("Région")),
        root(a=argument("A\r\nB")),
        root(a=argument("A\n")),
        root(a=argument(7)),
        root(a=argument(None)),
        root(a=argument(type_="number")),
        root(a=argument(type_="object")),
        root(a=argument(type_="array")),
        root(a=argument(type_="null")),
        root(a=argument(type_=["string", "null"])),
        root(a={"x-mcp-header": "Region"}),
        root(a=argument("Region"), b=argument("REGION")),
        root(a=argument("Region"), b=root(c=argument("region"))),
        {"type": "string", "x-mcp-header": "Root"},
        {"items": argument()},
        {"additionalProperties": argument()},
        {"anyOf": [root(a=argument())]},
        {"$defs": {"a": argument()}},
        {"$defs": {"a": root(b=argument())}},
        {"patternProperties": {"^a": argument()}},
        root(a={"type": "array", "items": argument()}),
        root(a={"if": root(b=argument())}),
    ],
)
def test_schemas_with_an_annotation_that_cannot_be_sent_are_invalid(
    schema: dict[str, Any],
) -> None:
    assert not has_valid_header_annotations(schema)


def test_a_schema_may_be_deep() -> None:
    schema = root(a=argument())
    for _ in range(5000):
        schema = root(a=schema)
    assert has_valid_header_annotations(schema)

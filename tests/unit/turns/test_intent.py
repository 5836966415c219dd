"""Having a model say what it wants a tool for."""

from typing import Any

import pytest

from chalicelib.turns.intent import rewrap, unwrap, wrap

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}


def test_a_schema_gets_a_place_for_the_intent() -> None:
    wrapped = wrap(SCHEMA)
    assert wrapped["required"] == ["model_intent", "properties"]
    assert wrapped["properties"]["properties"] == SCHEMA
    assert wrapped["properties"]["model_intent"]["type"] == "string"


def test_references_within_a_schema_still_lead_where_they_led() -> None:
    """They start at the root (JSON Schema 2020-12, 8.2.3.1), and the root is now elsewhere."""
    schema: dict[str, Any] = {
        "$defs": {"Query": {"type": "string"}, "Self": {"$ref": "#"}},
        "properties": {
            "q": {"$ref": "#/$defs/Query"},
            "far": {"$ref": "https://schemas.example/x#/y"},
            "said": {"const": {"$ref": "#/$defs/Query"}},
            "$ref": {"type": "string"},
        },
    }
    inner = wrap(schema)["properties"]["properties"]
    assert inner["properties"]["q"] == {"$ref": "#/properties/properties/$defs/Query"}
    assert inner["$defs"]["Self"] == {"$ref": "#/properties/properties"}
    assert inner["properties"]["far"] == schema["properties"]["far"]
    assert inner["properties"]["said"] == schema["properties"]["said"]
    assert inner["properties"]["$ref"] == {"type": "string"}


@pytest.mark.parametrize(
    ("written", "intent"),
    [
        ({"model_intent": "look", "properties": {"q": "x"}}, "look"),
        ({"model_intent": "look", "q": "x"}, "look"),
        ({"q": "x"}, ""),
    ],
    ids=["wrapped", "flat", "without"],
)
def test_the_three_shapes_that_models_write_come_to_the_same(
    written: dict[str, Any], intent: str
) -> None:
    assert unwrap(written) == (intent, {"q": "x"})


def test_an_endless_intent_is_cut_and_a_strange_one_is_text() -> None:
    assert len(unwrap({"model_intent": "x" * 9999, "properties": {}})[0]) == 500
    assert unwrap({"model_intent": 7, "properties": {}}) == ("7", {})


def test_the_model_is_told_of_its_call_as_it_should_have_written_it() -> None:
    assert unwrap(rewrap("look", {"q": "x"})) == ("look", {"q": "x"})

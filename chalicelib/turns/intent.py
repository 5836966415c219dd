"""`model_intent`: having a model say what it wants a tool for (`coder-reference.md` 5.7).

The tool's schema is wrapped on the way to the model, and what the model wrote is unwrapped on the
way to the server. Models forget the wrapper, so its absence is forgiven.
"""

from collections.abc import Mapping
from typing import Any

_INTENT = "model_intent"
_INNER = "properties"
_LONGEST = 500
_PLACE = f"#/properties/{_INNER}"
_DATA = frozenset({"const", "default", "enum", "example", "examples"})


def wrap(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's input schema with a place for the intent."""
    return {
        "type": "object",
        "properties": {
            _INTENT: {
                "type": "string",
                "description": "In a few words, for the user: what you want to do, and why.",
            },
            _INNER: _moved(dict(schema)),
        },
        "required": [_INTENT, _INNER],
    }


def unwrap(arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The intent, or an empty text, and the tool's own arguments.

    Accepts the wrapper as it should be, the arguments beside the intent, and no wrapper at all.
    """
    if _INTENT not in arguments:
        return "", dict(arguments)
    intent = str(arguments[_INTENT])[:_LONGEST]
    inner = arguments.get(_INNER)
    if isinstance(inner, Mapping):
        return intent, dict(inner)
    return intent, {name: value for name, value in arguments.items() if name != _INTENT}


def rewrap(intent: str, arguments: object) -> dict[str, Any]:
    """What the model wrote, as it is told of it again."""
    return {_INTENT: intent, _INNER: arguments}


def _moved(schema: Any) -> Any:
    """A schema whose references still hold where it is put: they start at the root."""
    if isinstance(schema, Mapping):
        return {
            key: f"{_PLACE}{value[1:]}"
            if key == "$ref" and isinstance(value, str) and (value == "#" or value[:2] == "#/")
            else (value if key in _DATA else _moved(value))
            for key, value in schema.items()
        }
    return [_moved(each) for each in schema] if isinstance(schema, list) else schema

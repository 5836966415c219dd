"""Recording requests and their answers as the examples of the OpenAPI document."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl

import httpx

from tests.support.contract import find_operation, find_variables

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What is another in every run, or secret by its nature.
_SHOWN = {
    "key": "shown-here-once",
    "token": "an-api-token",
    "api_key": "the-provider-s-key",
    "cursor": "where-to-go-on",
    "next_cursor": "where-to-go-on",
}


class Recorder:
    """Remembers the first request of each operation that goes through `send`."""

    def __init__(self) -> None:
        self._examples: dict[str, dict[str, Any]] = {}

    def send(
        self, client: httpx.Client, method: str, path: str, body: Any = None
    ) -> dict[str, Any] | list[Any]:
        """Make a request that succeeds, and record it.

        Returns:
            the answer's JSON; empty if it has none.
        """
        answer = client.request(method, path, json=body)
        assert answer.status_code < 400, f"{method} {path}: {answer.text}"
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        found = answer.json() if is_json and answer.content else None
        place, _, query = path.partition("?")
        operation = find_operation(method, place)
        assert operation is not None, path
        example: dict[str, Any] = {"status": answer.status_code}
        texts = find_variables(place) | dict(parse_qsl(query))
        parameters = {name: _read(text) for name, text in texts.items()}
        example |= {"parameters": parameters} if parameters else {}
        example |= {} if body is None else {"body": body}
        example |= {} if found is None else {"answer": found}
        self._examples.setdefault(operation["operationId"], example)
        return found or {}

    def render(self) -> str:
        """The file with the examples: ids count up in it, so that every run gives the same."""
        shown = _tidy(self._examples)
        text = json.dumps(shown, indent=1, ensure_ascii=False) + "\n"
        ids = {each: number for number, each in enumerate(dict.fromkeys(_ID.findall(text)), 1)}
        return _ID.sub(lambda found: f"{ids[found[0]]:08d}-5f1c-4e8a-9b7d-2a6c40d3e915", text)


def _read(text: str) -> str | int | bool:
    """A parameter's value in JSON."""
    return json.loads(text) if text.isdecimal() or text in {"true", "false"} else text


def _tidy(value: Any) -> Any:
    if isinstance(value, list):
        return [_tidy(each) for each in value]
    if isinstance(value, dict):
        return {name: _SHOWN.get(name) or _tidy(each) for name, each in value.items()}
    return value

"""What a change did to an object's fields, told without a secret.

A feature describes an object as a flat `Snapshot`. Secrets need no mark: whatever is not plain
JSON, such as a sealed value's bytes, is taken for one. What follows a URL's question mark is left
out too, since people put keys there.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from chalicelib.audit.models import Change, Diff

Snapshot = Mapping[str, object]

_LONGEST = 1024  # Characters of one value as JSON.
_NOTHING: tuple[object, ...] = (None, "", b"", [], (), {})
_URL_USER = re.compile(r"(https?://)[^/\s@?#]*@")
_URL_REST = re.compile(r"(https?://[^\s?#]*)[?#]\S+")
_LEFT_OUT = "…"


def diff(before: Snapshot, after: Snapshot) -> Diff:
    """What changed from one snapshot to the other; an absent object's is empty."""
    names = dict.fromkeys((*before, *after))
    changed = {name: (before.get(name), after.get(name)) for name in names}
    return {
        name: _change(None if old in _NOTHING else old, None if new in _NOTHING else new)
        for name, (old, new) in changed.items()
        if old != new and not (old in _NOTHING and new in _NOTHING)
    }


def _change(old: object, new: object) -> Change:
    if not (_is_plain(old) and _is_plain(new)):
        return Change(secret=True)
    old, new = _to_json(old), _to_json(new)
    if max(_length(old), _length(new)) <= _LONGEST:
        return Change(old, new)
    if isinstance(old, list) and isinstance(new, list):
        # Of long lists, what went and what came.
        old, new = (
            [each for each in old if each not in new],
            [each for each in new if each not in old],
        )
    return Change(_abridge(old), _abridge(new), abridged=True)


def _is_plain(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _is_plain(each) for name, each in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain(each) for each in value)
    return value is None or isinstance(value, str | int | float | datetime)


def _to_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _to_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        text = str(value.value if isinstance(value, Enum) else value)
        return _URL_REST.sub(rf"\1?{_LEFT_OUT}", _URL_USER.sub(rf"\1{_LEFT_OUT}@", text))
    return value


def _abridge(value: Any) -> Any:
    if _length(value) <= _LONGEST:
        return value
    if not isinstance(value, list):
        text = value if isinstance(value, str) else json.dumps(value)
        return text[: _LONGEST // 6] + _LEFT_OUT  # JSON may take six characters for one.
    kept: list[Any] = []
    for each in value:
        if _length([*kept, each]) > _LONGEST:
            break
        kept.append(each)
    return kept


def _length(value: Any) -> int:
    return len(json.dumps(value))

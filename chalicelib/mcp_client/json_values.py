"""Limits on JSON values that other servers send and that we pass on."""

import json
from typing import Any

_MAX_DEPTH = 64


def is_too_deep(value: Any) -> bool:
    """Nesting that no real value has, and that serialisers give up on at different depths."""
    level: list[Any] = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def is_unicode(value: Any) -> bool:
    r"""JSON can smuggle in half a surrogate pair (`\ud800`), which no answer of ours could hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def make_unicode(value: Any) -> Any:
    """The value, with each half of a surrogate pair replaced by a question mark."""
    if is_unicode(value):
        return value
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))

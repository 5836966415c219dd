"""What tools are called when a model hears of them (`coder-reference.md` 5.4); pure functions.

`<slug>__<tool>` in letters, digits, `_` and `-`, at most 64 of them: what every model API takes. A
name is never taken apart again: who it belongs to is remembered beside it.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

_LONGEST = 64
_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")
_HASH_CHARACTERS = 8


def build_names(tools: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """A name for each tool, all of them different and the same each time.

    Args:
        tools: the slug of its server and its own name, of each tool.
    """
    wanted = {tool: _join(*tool) for tool in tools}
    taken = Counter(wanted.values())
    names = {
        tool: name if taken[name] == 1 and _is_faithful(tool, name) else _with_hash(tool, name)
        for tool, name in wanted.items()
    }
    for _ in names:  # A server may call its tool just as we call another's; it gets a hash, too.
        taken = Counter(names.values())
        doubled = {tool for tool, name in names.items() if taken[name] > 1 and name == wanted[tool]}
        if not doubled:
            break
        names |= {tool: _with_hash(tool, wanted[tool]) for tool in doubled}
    return names


def _join(slug: str, tool: str) -> str:
    return _FOREIGN.sub("_", f"{slug}__{tool}")[:_LONGEST]


def _is_faithful(tool: tuple[str, str], name: str) -> bool:
    return name == "__".join(tool)


def _with_hash(tool: tuple[str, str], name: str) -> str:
    """A name that was cut or replaced in, or is another tool's, too, made unmistakable."""
    digest = hashlib.sha256("\0".join(tool).encode()).hexdigest()[:_HASH_CHARACTERS]
    return f"{name[: _LONGEST - _HASH_CHARACTERS - 1]}_{digest}"

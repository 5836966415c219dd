"""Tools that a model has to look for, where all of them together would crowd its context.

`find_tools` reveals them (`coder-reference.md` 5.9). What has been found is read from the history,
so nothing is stored for it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.chats.models import Message
from chalicelib.sdk.chats import ToolCall, ToolResult
from chalicelib.turns.providers.models import ToolSpec
from chalicelib.turns.toolbox import Toolbox, TurnTool

FIND_TOOLS = "find_tools"
_SHARE_OF_CONTEXT = 0.1
_CHARACTERS_PER_TOKEN = 4
_MOST_FOUND = 20
_FOUND = re.compile(r"^- (\S+): ", re.MULTILINE)
_WORD = re.compile(r"[a-z0-9]+")
_LONGEST_DESCRIPTION = 200

SPEC = ToolSpec(
    FIND_TOOLS,
    "Find tools that are not shown to you. Those that are found can be called from then on.",
    {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "Words of what the tool shall do."},
            "names": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Exact names, where you know them.",
            },
        },
        "required": [],
    },
)


def is_crowded(box: Toolbox, context_limit: int) -> bool:
    """Whether the tools would take more of the context than they should."""
    return box.size > context_limit * _SHARE_OF_CONTEXT * _CHARACTERS_PER_TOKEN


def reveal(box: Toolbox, history: Sequence[Message]) -> list[TurnTool]:
    """The tools that the model has found or called before."""
    known: set[str] = set()
    for message in history:
        for part in message.parts:
            if isinstance(part, ToolCall):
                known.add(part.tool_name)
            elif isinstance(part, ToolResult) and part.tool_name == FIND_TOOLS:
                known.update(_FOUND.findall(part.result))
    return [tool for name, tool in box.tools.items() if name in known]


def find(box: Toolbox, arguments: Mapping[str, object]) -> str:
    """What `find_tools` answers: the tools that fit best, each with its description."""
    names = arguments.get("names")
    wanted = {str(each) for each in names} if isinstance(names, list) else set()
    words = set(_WORD.findall(str(arguments.get("query") or "").lower()))
    scored = sorted(
        ((_score(tool, words), name) for name, tool in box.tools.items() if name not in wanted),
        key=lambda each: (-each[0], each[1]),
    )
    found = [name for name in box.tools if name in wanted]
    found += [name for score, name in scored if score]
    if not found:
        return f"No tool fits. There are {len(box.tools)}; try other words."
    return "\n".join(_describe(box.tools[name]) for name in found[:_MOST_FOUND])


def _score(tool: TurnTool, words: Iterable[str]) -> int:
    name, told = tool.spec.name.lower(), tool.spec.description.lower()
    return sum(3 * (word in name) + (word in told) for word in words)


def _describe(tool: TurnTool) -> str:
    description = " ".join(tool.spec.description.split())[:_LONGEST_DESCRIPTION]
    return f"- {tool.spec.name}: {description}"

"""Calls of tools, and their approval."""

import math
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from ..mcp_tools import Elicitation
from .base import Request


def _check_numbers(members: dict[str, Any]) -> dict[str, Any]:
    """They go to a server, as JSON: NaN and the infinities, which 1e999 is too, are not in it."""
    rest: list[Any] = [members]
    while rest:
        value = rest.pop()
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("must hold no number that JSON cannot, such as NaN or 1e999")
        if isinstance(value, dict):
            rest.extend(value.values())
        elif isinstance(value, list | tuple):
            rest.extend(value)
    return members


ToolName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
JSONObject = Annotated[dict[str, Any], AfterValidator(_check_numbers)]


class ApproveToolsRequest(Request):
    """The tools to approve: these hashes, by name, or all that the server offers now."""

    model_config = ConfigDict(str_strip_whitespace=False)

    tools: (
        Annotated[
            dict[str, Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]],
            Field(min_length=1, max_length=2000),
        ]
        | None
    ) = None
    all: bool = False


class CallToolRequest(Request):
    """A call of one tool; with `input_responses` or `request_state`, the next round of one."""

    # Names and arguments go to the server exactly as they came.
    model_config = ConfigDict(str_strip_whitespace=False)

    name: ToolName
    arguments: JSONObject = Field(default_factory=dict)
    elicitation: Elicitation = Elicitation.NONE
    input_responses: JSONObject | None = None
    request_state: Annotated[str, StringConstraints(max_length=65536)] | None = None
    approved: bool = False

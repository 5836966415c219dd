"""Servers' questions to the user during a call (MCP, elicitation), and who answers them."""

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.mcp_client.jsonrpc import Responder
from chalicelib.sdk.mcp_tools import Elicitation

ELICIT: Final = "elicitation/create"
_DECLINE: Final[dict[str, Any]] = {"action": "decline"}


def build_capabilities(elicitation: Elicitation, *, can_ask: bool) -> dict[str, Any]:
    """The client capabilities to declare.

    Args:
        elicitation: the caller's wish.
        can_ask: whether the wire lets a call wait until the user has answered.
    """
    if elicitation is Elicitation.ACCEPT_DEFAULTS:
        return {"elicitation": {"form": {}}}
    if elicitation is Elicitation.ASK and can_ask:
        return {"elicitation": {"form": {}, "url": {}}}
    return {}


def build_responder(elicitation: Elicitation) -> Responder:
    """What the older wires' server requests are answered with: a ping always, forms by the wish."""

    def respond(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        if method == "ping":
            return {}
        if method == ELICIT and elicitation is Elicitation.ACCEPT_DEFAULTS:
            return accept_defaults(params)
        return None

    return respond


def accept_defaults(params: Mapping[str, Any]) -> dict[str, Any]:
    """The answer that a form's own defaults give; a form that needs more is declined (SEP-1034)."""
    schema = params.get("requestedSchema")
    if params.get("mode", "form") != "form" or not isinstance(schema, dict):
        return _DECLINE
    properties = schema.get("properties")
    fields = properties if isinstance(properties, dict) else {}
    content = {
        name: field["default"]
        for name, field in fields.items()
        if isinstance(field, dict) and "default" in field
    }
    required = schema.get("required")
    needed = required if isinstance(required, list) else []
    if not all(isinstance(name, str) and name in content for name in needed):
        return _DECLINE
    return {"action": "accept", "content": content}

"""`tools/call`: one call, its further rounds where we may answer them, and what comes back."""

from collections.abc import Mapping
from typing import Any

from chalicelib.mcp_client.elicitation import ELICIT, accept_defaults
from chalicelib.mcp_client.errors import BrokenStreamError, MCPProtocolError
from chalicelib.mcp_client.header_annotations import build_parameter_headers, encode_value
from chalicelib.mcp_client.json_values import is_too_deep, is_unicode, make_unicode
from chalicelib.mcp_client.models import Tool, ToolCall, ToolResult
from chalicelib.mcp_client.session import Era, Session
from chalicelib.mcp_client.wires import COMPLETE, INPUT_REQUIRED
from chalicelib.primitives import new_id
from chalicelib.sdk.mcp_tools import Elicitation

_CALL_ID = "io.github.ciborium/tool_call_id"
_MOST_ROUNDS = 5


def call_tool(session: Session, call: ToolCall, tool: Tool | None) -> ToolResult:
    """Call a tool on a settled session.

    Args:
        session: with the server.
        call: what to call.
        tool: its description, whose annotations the modern wire needs.

    Raises:
        MCPProtocolError: the result is malformed, or asks what nobody will answer.
        MCPAuthorizationError, MCPServerError, EgressError kinds: as `Session.request`.
    """
    # The same for every try of one call, so that a server can tell a repetition.
    params = {
        "name": call.name,
        "arguments": dict(call.arguments),
        "_meta": {_CALL_ID: call.id or new_id()},
    }
    headers = {"Mcp-Name": encode_value(call.name)}
    if tool is not None:
        headers |= build_parameter_headers(tool.input_schema, call.arguments)
    further = _build_round(call.input_responses, call.request_state)
    for _ in range(_MOST_ROUNDS):
        result = _request(session, {**params, **further}, headers)
        if result.get("resultType", COMPLETE) != INPUT_REQUIRED:
            return _parse_result(session.host, result)
        asked = _parse_questions(session.host, result)
        if session.elicitation is Elicitation.ASK:
            return asked
        further = _build_round(_answer(session, asked), asked.request_state)
    raise MCPProtocolError(session.host, f"asks for input more than {_MOST_ROUNDS} times")


def _request(
    session: Session, params: Mapping[str, Any], headers: Mapping[str, str]
) -> dict[str, Any]:
    try:
        return session.request("tools/call", params, headers)
    except BrokenStreamError:
        if session.era is not Era.MODERN:
            raise  # Where it could be resumed it was; the tool may have run.
        # A broken stream loses the request, which must be sent anew (2026-07-28, changelog 9).
        return session.request("tools/call", params, headers)


def _build_round(responses: Mapping[str, Any] | None, state: str | None) -> dict[str, Any]:
    """What a further round adds (2026-07-28, multi round-trip requests); the state untouched."""
    further: dict[str, Any] = {}
    if responses is not None:
        further["inputResponses"] = dict(responses)
    if state is not None:
        further["requestState"] = state
    return further


def _answer(session: Session, asked: ToolResult) -> dict[str, Any] | None:
    """Our own answers to a server's questions; None if it asks none and only wants a repetition."""
    if asked.input_requests is None:
        return None
    answers = {}
    for key, request in asked.input_requests.items():
        is_form = isinstance(request, dict) and request.get("method") == ELICIT
        if session.elicitation is not Elicitation.ACCEPT_DEFAULTS or not is_form:
            raise MCPProtocolError(session.host, "asks for input that nobody here can give")
        params = request.get("params")
        answers[key] = accept_defaults(params if isinstance(params, dict) else {})
    return answers


def _parse_questions(host: str, result: dict[str, Any]) -> ToolResult:
    requests, state = result.get("inputRequests"), result.get("requestState")
    is_sound = requests is None or isinstance(requests, dict)
    # The state must come back as it is, so half a character in it cannot be replaced.
    can_return = state is None or (isinstance(state, str) and is_unicode(state))
    if not is_sound or not can_return or (not requests and not state):
        raise MCPProtocolError(host, "asks for input without saying which")
    if is_too_deep(requests):
        raise MCPProtocolError(host, "nests its questions beyond reason")
    return ToolResult(is_complete=False, input_requests=make_unicode(requests), request_state=state)


def _parse_result(host: str, result: dict[str, Any]) -> ToolResult:
    content = result.get("content", [])
    structured = result.get("structuredContent")
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise MCPProtocolError(host, "sent a tool's result without content")
    if is_too_deep(content) or is_too_deep(structured):
        raise MCPProtocolError(host, "nests a tool's result beyond reason")
    return ToolResult(
        content=tuple(make_unicode(content)),
        structured_content=make_unicode(structured),
        is_error=result.get("isError") is True,
    )

"""JSON-RPC 2.0 messages, as MCP uses them: building ours, and reading the server's."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from chalicelib.egress import parse_json
from chalicelib.mcp_client.errors import MCPProtocolError, MCPServerError

Message = dict[str, Any]
Responder = Callable[[str, dict[str, Any]], dict[str, Any] | None]
"""Answers a request of the server's, by method and params; None: it is not supported."""

_METHOD_NOT_FOUND: Final = -32601


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as it is sent."""
    return json.dumps(message, separators=(",", ":")).encode()


def build_request(request_id: int, method: str, params: Mapping[str, Any]) -> Message:
    """A request."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": dict(params)}


def build_notification(method: str, params: Mapping[str, Any] | None = None) -> Message:
    """A notification, which has no answer."""
    message: Message = {"jsonrpc": "2.0", "method": method}
    return {**message, "params": dict(params)} if params else message


def build_response(request: Message, responder: Responder) -> Message:
    """Our answer to a request of the server's."""
    params = request.get("params")
    result = responder(str(request["method"]), params if isinstance(params, dict) else {})
    answer: Message = {"jsonrpc": "2.0", "id": request["id"]}
    if result is None:
        error = {"code": _METHOD_NOT_FOUND, "message": "Method not found"}
        return {**answer, "error": error}
    return {**answer, "result": result}


def parse(text: str | bytes, host: str) -> Any:
    """A message, or a batch of them.

    Raises:
        MCPProtocolError: it is not JSON.
    """
    try:
        return parse_json(text)
    except ValueError:
        raise MCPProtocolError(host, "sent malformed JSON") from None


def find_response(document: Any, request_id: int) -> Message | None:
    """Our response in a message, or in a batch of them, as revision 2025-03-26 allows.

    An error without an id answers a request that the server could not read: ours.
    """
    for message in _each(document):
        if "method" in message:
            continue
        message_id = message.get("id")
        if message_id is None and "error" in message:
            return message
        if message_id == request_id and not isinstance(message_id, bool):
            return message
    return None


def find_requests(document: Any) -> list[Message]:
    """The server's own requests in a message or a batch."""
    return [each for each in _each(document) if "method" in each and each.get("id") is not None]


def get_result(response: Message, status: int, host: str) -> dict[str, Any]:
    """A response's result.

    Raises:
        MCPServerError: the response is an error.
        MCPProtocolError: it is neither.
    """
    error = response.get("error")
    if isinstance(error, dict):
        rpc_code = error.get("code")
        if not isinstance(rpc_code, int):
            raise MCPProtocolError(host, "sent an error without a code")
        raise MCPServerError(host, status, rpc_code, _supported_versions(error))
    result = response.get("result")
    if not isinstance(result, dict):
        raise MCPProtocolError(host, "sent a response that is neither result nor error")
    return result


def _each(document: Any) -> list[Message]:
    messages = document if isinstance(document, list) else [document]
    return [message for message in messages if isinstance(message, dict)]


def _supported_versions(error: dict[str, Any]) -> tuple[str, ...]:
    data = error.get("data")
    versions = data.get("supported") if isinstance(data, dict) else None
    if not isinstance(versions, list):
        return ()
    return tuple(version for version in versions if isinstance(version, str))

"""A scripted MCP server at the transport, and the answers that it may give."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx

from chalicelib.egress import Egress
from chalicelib.mcp_client.client import MCPClient, Target
from chalicelib.mcp_client.models import Tool, ToolCall, ToolListing, ToolResult
from chalicelib.sdk.mcp_servers import Transport
from chalicelib.sdk.mcp_tools import Elicitation

ENDPOINT = "https://mcp.test/mcp"
HEADERS = {"Authorization": "Bearer sentinel-token"}
MODERN, LEGACY = "2026-07-28", "2025-11-25"

Message = dict[str, Any]
Reply = Callable[[Message], httpx.Response]


class ScriptedServer:
    """Gives the replies in turn, one for each POST; a POST too many is an error.

    `streams` are the answers to GETs, in turn; without one, a GET is 405.
    """

    def __init__(self, *replies: Reply, transport: str = "streamable_http") -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.streams: list[Callable[[], httpx.Response]] = []
        self.farewell: Callable[[], httpx.Response] = lambda: httpx.Response(204)
        self.route: Callable[[Message], Reply | None] = lambda _: None
        """Gives some messages, which come at their own time, a reply out of turn."""
        self._replies = list(replies)
        egress = Egress(transport=httpx.MockTransport(self._handle))
        self.client = MCPClient(egress, self.pauses.append)
        self.target = Target(ENDPOINT, HEADERS, Transport(transport))

    def then(self, *replies: Reply) -> "ScriptedServer":
        """More replies."""
        self._replies += replies
        return self

    def list_tools(self) -> tuple[Tool, ...]:
        """List the tools, as a user would."""
        return self.client.list_tools(self.target).tools

    def call_tool(
        self,
        name: str = "search",
        arguments: Message | None = None,
        elicitation: str = "none",
        *,
        known: ToolListing | None = None,
        **fields: Any,
    ) -> ToolResult:
        """Call a tool, as a user would."""
        call = ToolCall(
            name=name, arguments=arguments or {}, elicitation=Elicitation(elicitation), **fields
        )
        return self.client.call_tool(self.target, call, known)[0]

    @property
    def messages(self) -> list[Message]:
        """What was posted."""
        return [json.loads(each.content) for each in self.requests if each.method == "POST"]

    @property
    def ids(self) -> set[int]:
        """The ids of the requests."""
        return {message["id"] for message in self.messages if "id" in message}

    @property
    def story(self) -> list[str]:
        """The JSON-RPC method of each POST, or the HTTP method."""
        return [
            json.loads(each.content)["method"] if each.method == "POST" else each.method
            for each in self.requests
        ]

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method == "DELETE":
            return self.farewell()
        if request.method == "GET":
            return self.streams.pop(0)() if self.streams else httpx.Response(405)
        message = json.loads(request.content)
        reply = self.route(message)
        if reply is not None:
            return reply(message)
        assert self._replies, f"Unexpected: {request.content!r}"
        return self._replies.pop(0)(message)


def tool(name: str = "search", **fields: Any) -> Message:
    """A tool as servers send it."""
    return {"name": name, "inputSchema": {"type": "object"}, **fields}


def result(fields: Message, **headers: str) -> Reply:
    """A successful answer in JSON."""
    return lambda message: httpx.Response(
        200,
        content=json.dumps(response(message, fields)),
        headers={"Content-Type": "application/json", **_names(headers)},
    )


def tools(*entries: Message, **fields: Any) -> Reply:
    """A page of tools."""
    return result({"tools": list(entries), "resultType": "complete", **fields})


def initialized(version: str = LEGACY, session: str | None = "session-1") -> Reply:
    """The answer to `initialize`."""
    fields = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {}}
    return result(fields, **({} if session is None else {"MCP_Session_Id": session}))


def accepted(message: Message) -> httpx.Response:
    """The answer to a notification."""
    return httpx.Response(202)


def rpc_error(code: Any, status: int = 400, **data: Any) -> Reply:
    """A JSON-RPC error with a text that must not get out."""
    error = {"code": code, "message": "sentinel-message", "data": {"x": "sentinel-data", **data}}
    return lambda message: httpx.Response(
        status, json={"jsonrpc": "2.0", "id": message["id"], "error": error}
    )


def plain(status: int, body: str = "<html>sentinel-body", **headers: str) -> Reply:
    """An answer that is not MCP."""
    return lambda _: httpx.Response(
        status, text=body, headers={"Content-Type": "text/html", **_names(headers)}
    )


def raw_json(body: str | bytes) -> Reply:
    """Whatever calls itself JSON; `ID` in it is the request's id."""
    raw = body if isinstance(body, bytes) else body.encode()
    return lambda message: httpx.Response(
        200,
        content=raw.replace(b"ID", str(message["id"]).encode()),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )


def events(build: Callable[[Message], Iterable[bytes]]) -> Reply:
    """An event stream, in the chunks that are built from the request."""

    def reply(message: Message) -> httpx.Response:
        return httpx.Response(
            200, content=_each(build(message)), headers={"Content-Type": "text/event-stream"}
        )

    return reply


def response(message: Message, fields: Message) -> Message:
    """The JSON-RPC response to a request."""
    return {"jsonrpc": "2.0", "id": message["id"], "result": fields}


def event(document: Any) -> bytes:
    """A server-sent event."""
    return f"event: message\r\ndata: {json.dumps(document)}\r\n\r\n".encode()


def _each(chunks: Iterable[bytes]) -> Iterator[bytes]:
    yield from chunks


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}

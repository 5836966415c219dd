"""A real FastMCP server for tests. It runs in the peers' own environment and prints its URL.

Flags: `--legacy` hides the 2026-07-28 wire, `--stateless` gives handshake clients no session,
`--json` answers without event streams, `--token T` asks for a bearer token. `--naps FILE` adds the
tool `nap`, which takes its time and writes to the file when it begins and ends. `--ports N` listens
on so many ports, as if it were so many servers, and prints an URL for each. `--fresh-seconds S`
lets clients use its lists again for so long. `--tools N` and `--page-size N` say how much it lists.
"""

import argparse
import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn  # type: ignore[import-not-found,unused-ignore]  # Only the peers have it.
from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TOOLS = 7
PAGE_SIZE = 3


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def build_server(options: argparse.Namespace) -> FastMCP[Any]:
    """By default seven tools on pages of three, so that a client must follow two cursors."""
    token = options.token
    auth = StaticTokenVerifier({token: {"client_id": "test", "scopes": []}}) if token else None
    server: FastMCP[Any] = FastMCP(
        "Peer", list_page_size=options.page_size, auth=auth, cache_ttl=options.fresh_seconds
    )
    server.tool(add, title="Add two numbers", annotations={"readOnlyHint": True})
    for number in range(2, options.tools + 1):
        server.tool(add, name=f"add_{number}")
    return server


def add_nap(server: FastMCP[Any], diary: Path) -> None:
    """A tool that is slow, and whose every call is written down."""

    async def nap(label: str, seconds: float) -> str:
        """Sleep for a while."""
        with diary.open("a", encoding="utf-8") as file:
            print("begin", label, time.time(), file=file, flush=True)
            await asyncio.sleep(seconds)
            print("end", label, time.time(), file=file, flush=True)
        return f"slept well: {label}"

    server.tool(nap)


def hide_modern_wire(app: App) -> App:
    """Refuse what a server of 2025-11-25 refuses: a version header that it does not know."""

    async def legacy(scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        if headers.get(b"mcp-protocol-version") != b"2026-07-28":
            await app(scope, receive, send)
            return
        error = {"code": -32600, "message": "Bad Request: Unsupported protocol version"}
        body = json.dumps({"jsonrpc": "2.0", "id": "server-error", "error": error}).encode()
        content_type = (b"content-type", b"application/json")
        await send({"type": "http.response.start", "status": 400, "headers": [content_type]})
        await send({"type": "http.response.body", "body": body})

    return legacy


def listen() -> socket.socket:
    """Take a port."""
    # asyncio only turns Nagle's algorithm off (40 ms an answer) where the protocol is named.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--legacy", action="store_true")
    parser.add_argument("--stateless", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--token")
    parser.add_argument("--naps", type=Path)
    parser.add_argument("--ports", type=int, default=1)
    parser.add_argument("--fresh-seconds", type=int)
    parser.add_argument("--tools", type=int, default=TOOLS)
    parser.add_argument("--page-size", type=int, default=PAGE_SIZE)
    options = parser.parse_args()
    server = build_server(options)
    if options.naps:
        add_nap(server, options.naps)
    app: Any = server.http_app(json_response=options.json, stateless_http=options.stateless)
    if options.legacy:
        app = hide_modern_wire(app)
    listeners = [listen() for _ in range(options.ports)]
    urls = [f"http://127.0.0.1:{each.getsockname()[1]}/mcp" for each in listeners]
    print(*urls, flush=True)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve(sockets=listeners)


if __name__ == "__main__":
    asyncio.run(main())

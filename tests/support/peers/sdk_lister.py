"""Lists servers' tools with the MCP Python SDK. It runs in the peers' own environment.

Each line of its input is `{"how": ..., "urls": [...]}`, each line of its output
`{"seconds": ..., "tools": ...}`: all servers at the same time, all pages. `how` is one of
`session` (a transport and a `ClientSession` for this once, which shakes hands), `client` (a
`Client` for this once, which tries the newest revision first), `shared` (the same, and all of them
use one HTTP client from one line to the next) and `kept` (a `Client` that stays connected from one
line to the next, and uses lists again for as long as their servers allow).
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import httpx2  # type: ignore[import-not-found,unused-ignore]
from mcp import Client, ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp_types import PaginatedRequestParams  # type: ignore[import-not-found,unused-ignore]


async def count_with_session(url: str) -> int:
    """Connect, initialize, list."""
    async with (
        streamable_http_client(url) as (reading, writing, *_),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        found = await session.list_tools()
        count = len(found.tools)
        while found.next_cursor:
            params = PaginatedRequestParams(cursor=found.next_cursor)
            found = await session.list_tools(params=params)
            count += len(found.tools)
        return count


async def count_with_client(url: str) -> int:
    """Connect, discover, list."""
    async with Client(url) as client:
        return await count(client)


async def count(client: Client) -> int:
    """List."""
    found = await client.list_tools()
    tools = len(found.tools)
    while found.next_cursor:
        found = await client.list_tools(cursor=found.next_cursor)
        tools += len(found.tools)
    return tools


class Kept:
    """What stays from one line to the next."""

    def __init__(self, stack: AsyncExitStack, http: httpx2.AsyncClient) -> None:
        self._stack = stack
        self._http = http
        self._clients: dict[str, Client] = {}

    async def connect(self, urls: list[str]) -> None:
        """Connect to those that are new."""
        for url in urls:
            if url not in self._clients:
                self._clients[url] = await self._stack.enter_async_context(Client(url))

    async def count(self, url: str) -> int:
        """List over the connection."""
        return await count(self._clients[url])

    async def count_with_shared(self, url: str) -> int:
        """Discover, list."""
        async with Client(streamable_http_client(url, http_client=self._http)) as client:
            return await count(client)


async def main() -> None:
    """Answer each line, until there are no more."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient())
        kept = Kept(stack, http)
        ways: dict[str, Callable[[str], Awaitable[int]]] = {
            "session": count_with_session,
            "client": count_with_client,
            "shared": kept.count_with_shared,
            "kept": kept.count,
        }
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            urls, way = command["urls"], ways[command["how"]]
            if way == kept.count:
                await kept.connect(urls)
            started = time.perf_counter()
            counts = await asyncio.gather(*(way(url) for url in urls))
            seconds = time.perf_counter() - started
            print(json.dumps({"seconds": seconds, "tools": sum(counts)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())

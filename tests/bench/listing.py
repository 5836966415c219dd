"""How long listing many servers takes, next to the slowest of them: `make bench-listing`.

Against the real local run; the MCP servers are in this process. Ratios within one run; the absolute
times are this machine's.
"""

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.support.local_stack import LocalRun
from tests.support.loopback import Connection, LoopbackServer, answer
from tests.support.servers import create_server

TOOLS = "/api/experimental/mcp/tools"
DELAYS = (0.1, 0.2, 0.3)


@contextmanager
def slow_server(seconds: float) -> Iterator[str]:
    """An MCP server on 2026-07-28 that thinks for a while before each answer; its URL."""

    def respond(connection: Connection, request: bytes) -> None:
        message = json.loads(request.partition(b"\r\n\r\n")[2])
        threading.Event().wait(seconds)
        tools = [{"name": f"tool_{number}", "inputSchema": {}} for number in range(20)]
        result = {"tools": tools, "resultType": "complete"}
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
        connection.send(answer(body=body, Content_Type="application/json"))

    with _running(LoopbackServer(respond)) as url:
        yield url


@contextmanager
def black_hole() -> Iterator[str]:
    """A server that takes requests and never answers; its URL."""
    with _running(LoopbackServer(lambda connection, _: connection.hang())) as url:
        yield url


@contextmanager
def _running(server: LoopbackServer) -> Iterator[str]:
    try:
        yield server.url("/mcp")
    finally:
        server.close()


def time_listing(client: httpx.Client, ids: str) -> tuple[float, int]:
    """Seconds of one listing, and how many servers had tools to show."""
    started = time.perf_counter()
    found = client.get(TOOLS, params={"server_ids": ids}, timeout=30).raise_for_status()
    seconds = time.perf_counter() - started
    return seconds, sum("error" not in each for each in found.json()["servers"])


def report(
    client: httpx.Client, what: str, urls: list[str], slowest: float, runs: int = 10
) -> None:
    """Time some listings of these servers, warm, and print the median."""
    slug = f"s{time.monotonic_ns()}"
    ids = ",".join(
        create_server(client, slug=f"{slug}-{number}", url=url, enabled=True)["id"]
        for number, url in enumerate(urls)
    )
    time_listing(client, ids)
    timed = [time_listing(client, ids) for _ in range(runs)]
    seconds, answered = statistics.median(each for each, _ in timed), timed[0][1]
    ratio = f"{seconds / slowest:5.2f} x the slowest"
    print(f"{what:50} {seconds:6.3f} s   {ratio}   {answered} answered", flush=True)


def main() -> None:
    """Print the table."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        client = stack.enter_context(stack.enter_context(LocalRun(Path(folder))).client())
        urls = [stack.enter_context(slow_server(delay)) for delay in DELAYS]
        report(client, "servers that take 100, 200 and 300 ms", urls, max(DELAYS))
        more = [stack.enter_context(slow_server(0.3)) for _ in range(17)]
        report(client, "20 servers, the slowest of 300 ms", [*urls, *more], max(DELAYS))
        hole = stack.enter_context(black_hole())
        report(client, "the three, and one that never answers (10 s)", [*urls, hole], 10.0, 1)


if __name__ == "__main__":
    main()

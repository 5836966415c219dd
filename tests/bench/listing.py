"""How long listing many servers takes, next to the slowest of them: `make bench-listing`.

Real sockets on loopback, the API in this process, moto's AWS. Ratios within one run; absolute times
are this machine's.
"""

import json
import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
from moto import mock_aws

from tests.support import aws
from tests.support.deployment import Deployment, start_deployment
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


def time_listing(client: httpx.Client) -> tuple[float, int]:
    """Seconds of one listing, and how many servers had tools to show."""
    started = time.perf_counter()
    entries = client.get(TOOLS).raise_for_status().json()["servers"]
    return time.perf_counter() - started, sum("error" not in each for each in entries)


def measure(deployment: Deployment, urls: list[str], runs: int) -> tuple[float, int]:
    """The median of some listings of these servers, warm."""
    with deployment.admin as admin:
        for number, url in enumerate(urls):
            create_server(admin, slug=f"s{number}", url=url, enabled=True)
        time_listing(admin)
        timed = [time_listing(admin) for _ in range(runs)]
    return statistics.median(seconds for seconds, _ in timed), timed[0][1]


def report(what: str, urls: list[str], slowest: float, runs: int = 10) -> None:
    """Measure in a deployment of its own, and print a line."""
    with mock_aws():
        aws.create_stack()
        deployment = start_deployment(None, CIBORIUM_ALLOWED_PRIVATE_CIDRS="127.0.0.0/8")
        seconds, answered = measure(deployment, urls, runs)
    print(
        f"{what:50} {seconds:6.3f} s   {seconds / slowest:5.2f} x the slowest   {answered} answered"
    )


def main() -> None:
    """Print the table."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    with ExitStack() as stack:
        urls = [stack.enter_context(slow_server(delay)) for delay in DELAYS]
        report("servers that take 100, 200 and 300 ms", urls, max(DELAYS))
        many = urls + [stack.enter_context(slow_server(0.3)) for _ in range(17)]
        report("20 servers, the slowest of 300 ms", many, max(DELAYS))
    with ExitStack() as stack:
        urls = [stack.enter_context(slow_server(delay)) for delay in DELAYS]
        urls.append(stack.enter_context(black_hole()))
        report("the three, and one that never answers (10 s)", urls, 10.0, runs=1)


if __name__ == "__main__":
    main()

"""How long listing many servers' tools takes."""

import ipaddress
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx

from chalicelib.egress import Egress
from chalicelib.mcp_client.client import MCPClient, Target
from tests.bench.figures import percentile
from tests.bench.report import Cell, Chart, Section, Table
from tests.bench.sdk_lister import running_sdk_lister
from tests.support.local_stack import LocalRun
from tests.support.loopback import Connection, LoopbackServer, answer
from tests.support.mcp_peers import running_mcp_servers
from tests.support.servers import create_server

RUNS = 20
COUNTS = (1, 5, 20)
TOOLS = 20
DELAYS = (0.1, 0.2, 0.3)
COMPARED = (("peers", "mcp"), ("peers", "fastmcp"))
_API = "/api/experimental/mcp/tools"
_BASE = "SDK, connected Clients"


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


class API:
    """Ciborium's, which the admin registers servers in."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    def list(self, urls: Sequence[str]) -> tuple[float, int]:
        """Seconds of one listing, and how many tools came of it."""
        ids = ",".join(self._find_id(url) for url in urls)
        started = time.perf_counter()
        found = self._client.get(_API, params={"server_ids": ids}, timeout=30).raise_for_status()
        seconds = time.perf_counter() - started
        return seconds, sum(len(each.get("tools", ())) for each in found.json()["servers"])

    def _find_id(self, url: str) -> str:
        if url not in self._ids:
            slug = f"server-{len(self._ids)}"
            server = create_server(self._client, slug=slug, url=url, enabled=True)
            self._ids[url] = str(server["id"])
        return self._ids[url]


def list_with(client: MCPClient, urls: Sequence[str]) -> tuple[float, int]:
    """The same with our MCP client alone."""
    started = time.perf_counter()
    with ThreadPoolExecutor(len(urls)) as threads:
        lists = list(threads.map(lambda url: client.list_tools(Target(url, {})).tools, urls))
    return time.perf_counter() - started, sum(map(len, lists))


Way = Callable[[int], tuple[float, int]]
"""Lists so many servers; the seconds, and the tools."""


@contextmanager
def running_ways(api: API) -> Iterator[Mapping[str, Way]]:
    """Ways to list the same servers."""
    with ExitStack() as stack:
        flags = [f"--tools={TOOLS}", f"--page-size={TOOLS}"]
        most = max(COUNTS)
        plain = stack.enter_context(running_mcp_servers(most, *flags))
        fresh = stack.enter_context(running_mcp_servers(most, "--fresh-seconds=3600", *flags))
        egress = stack.enter_context(closing(Egress([ipaddress.ip_network("127.0.0.0/8")])))
        client = MCPClient(egress, time.sleep)
        sdk = stack.enter_context(running_sdk_lister())
        yield {
            "Ciborium's API": lambda count: api.list(plain[:count]),
            "Ciborium's API, lists remembered": lambda count: api.list(fresh[:count]),
            "Ciborium's MCP client alone": lambda count: list_with(client, plain[:count]),
            "SDK, new ClientSessions": lambda count: sdk.list("session", plain[:count]),
            "SDK, new Clients": lambda count: sdk.list("client", plain[:count]),
            "SDK, new Clients on one HTTP client": lambda count: sdk.list("shared", plain[:count]),
            _BASE: lambda count: sdk.list("kept", plain[:count]),
            "SDK, connected Clients, lists remembered": lambda count: sdk.list(
                "kept", fresh[:count]
            ),
        }


def time_ways(ways: Mapping[str, Way], runs: int) -> dict[tuple[int, str], list[float]]:
    """Milliseconds for each number of servers and way. The ways take turns, the first uncounted."""
    timed: dict[tuple[int, str], list[float]] = {}
    for count in COUNTS:
        print(f"listing {count}", file=sys.stderr, flush=True)
        for run in range(-2, runs):
            for name, way in ways.items():
                seconds, tools = way(count)
                assert tools == count * TOOLS, f"{name} found {tools} tools of {count} servers"
                if run >= 0:
                    timed.setdefault((count, name), []).append(1000 * seconds)
    return timed


def compare_with_slowest(api: API, runs: int) -> Table:
    """How long servers that take their time keep the caller waiting."""
    rows: list[list[Cell]] = []
    with ExitStack() as stack:
        three = [stack.enter_context(slow_server(delay)) for delay in DELAYS]
        more = [stack.enter_context(slow_server(0.3)) for _ in range(17)]
        hole = stack.enter_context(black_hole())
        for what, urls, slowest, times in (
            ("servers that take 100, 200 and 300 ms", three, max(DELAYS), runs),
            ("20 servers, the slowest of 300 ms", [*three, *more], max(DELAYS), runs),
            ("the three, and one that never answers (10 s)", [*three, hole], 10.0, 1),
        ):
            if times > 1:
                api.list(urls)
            timed = [api.list(urls) for _ in range(times)]
            median = statistics.median(seconds for seconds, _ in timed)
            rows.append([what, 1000 * median, median / slowest, timed[0][1] // TOOLS])
    columns = ["", "p50 ms", "of the slowest", "answered"]
    return Table("Through the API, servers that take a while to answer", columns, rows)


def measure(runs: int = RUNS) -> Section:
    """Time the listing of real servers with each client, and of slow ones through the API."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        client = stack.enter_context(stack.enter_context(LocalRun(Path(folder))).client())
        api = API(client)
        with running_ways(api) as ways:
            timed = time_ways(ways, runs)
        slow = compare_with_slowest(api, max(runs // 2, 1))
    rows: list[list[Cell]] = []
    lines: dict[str, list[tuple[float, float]]] = {}
    for (count, name), each in timed.items():
        median = percentile(each, 0.5)
        base = percentile(timed[count, _BASE], 0.5)
        rows.append([count, name, median, percentile(each, 0.95), median / base])
        lines.setdefault(name, []).append((count, median))
    columns = ["servers", "client", "p50 ms", "p95 ms", "of the SDK's connected"]
    table = Table(f"{runs} listings each, of {TOOLS} tools a server", columns, rows)
    chart = Chart("Listing tools, by the number of servers", "ms", lines)
    return Section("listing", "Listing the tools of many servers", TEXT, [table, slow], chart)


TEXT = """\
The tools of 1, 5 and 20 real MCP servers (FastMCP, 20 tools each, one page; one process on as
many ports, so they share a core), by each of these in turn, all servers at the same time. Every
listing was checked for its tools.

- *Ciborium's API*: one request to `GET /api/experimental/mcp/tools` of `make run`, with all that
  belongs to it: the token, the caller's rights, three reads of the (emulated) database. The
  servers allow nobody to use a list again; with *lists remembered* others, which do, are listed.
- *Ciborium's MCP client alone*: what the API uses, without the API. Its connections are kept;
  revision 2026-07-28 needs no session.
- *SDK*: the MCP Python SDK in a process of its own, timed there, with `asyncio.gather`. *New
  ClientSessions* connect, shake hands and list; *new Clients* try revision 2026-07-28 first; both
  make an HTTP client with a TLS context for each connection, which is most of their time, so
  there are also new Clients *on one HTTP client*. *Connected Clients* are the best that a program
  can do which keeps one for each server; such a program answers from its memory what Ciborium,
  where every caller is checked, answers with three reads.

The last table is the API alone, against servers that take a while: the slowest decides, not the
sum."""

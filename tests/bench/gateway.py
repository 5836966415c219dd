"""The same work by Ciborium and by the peer gateway."""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from tests.bench.gateway_sides import (
    CALL,
    CALL_KNOWN,
    CREATE,
    CREATE_AND_LIST,
    GET,
    LIST,
    REGISTERED,
    TOOLS,
    TOOLS_ASKED,
    TOOLS_KNOWN,
    Ciborium,
    ContextForge,
    Direct,
)
from tests.bench.peer_gateway import running_gateway
from tests.bench.report import Cell, Section, Table
from tests.bench.timing import Side, Timings, time_in_turn
from tests.support.local_stack import ADMIN_TOKEN, LocalRun
from tests.support.mcp_peers import running_mcp_servers

CLIENTS = (1, 8)
ATTEMPTS = 40
OPERATIONS = (LIST, GET, CREATE, CREATE_AND_LIST, TOOLS_KNOWN, TOOLS_ASKED, CALL, CALL_KNOWN)
COMPARED = (("gateway", "mcp-contextforge-gateway"), ("gateway", "mcp"), ("peers", "fastmcp"))
_COLUMNS = [
    "",
    "clients",
    "Ciborium p50",
    "p95",
    "ContextForge p50",
    "p95",
    "ratio of p50",
    "failed",
]
_Gateways = tuple[Ciborium, ContextForge, Direct]


@contextmanager
def running_gateways() -> Iterator[_Gateways]:
    """Both, each with the same servers registered; and none."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        flags = [f"--tools={TOOLS}", f"--page-size={TOOLS}"]
        half = REGISTERED // 2
        urls = {
            "fresh": stack.enter_context(running_mcp_servers(half, "--fresh-seconds=3600", *flags)),
            "plain": stack.enter_context(running_mcp_servers(half, *flags)),
        }
        (folder / "ours").mkdir()
        (folder / "theirs").mkdir()
        run = stack.enter_context(LocalRun(folder / "ours"))
        ours = Side("Ciborium", run.url, {"Authorization": f"Bearer {ADMIN_TOKEN}"})
        theirs = stack.enter_context(running_gateway(folder / "theirs"))
        direct = stack.enter_context(closing(Direct(urls)))
        yield Ciborium(ours, urls), ContextForge(theirs, urls), direct


def measure(attempts: int = ATTEMPTS) -> Section:
    """Time each operation on both, in turn, with one client and with several."""
    timed: dict[tuple[str, int], list[Timings]] = {}
    with running_gateways() as gateways:
        for name in OPERATIONS:
            for clients in CLIENTS:
                print(f"{name}, clients: {clients}", file=sys.stderr, flush=True)
                sides = [
                    (each.side, each.operations()[name])
                    for each in gateways
                    if name in each.operations()
                ]
                timed[name, clients] = time_in_turn(sides, clients=clients, attempts=attempts)
    caption = f"milliseconds; {attempts} requests each or a few more"
    tables = [
        Table(caption, _COLUMNS, [_compare(*key, *both[:2]) for key, both in timed.items()]),
        Table(
            "The same servers, asked by Ciborium's MCP client with no gateway before it",
            ["", "clients", "p50", "p95", "failed"],
            [_alone(*key, each[2]) for key, each in timed.items() if len(each) > 2],
        ),
        *_tell_failures(timed),
    ]
    text = f"{TEXT}\n\n{_tell_where_theirs_wins(tables[0].rows)}"
    return Section("gateway", "Next to a peer gateway", text, tables)


def _compare(name: str, clients: int, ours: Timings, theirs: Timings) -> list[Cell]:
    medians = ours.milliseconds(0.5), theirs.milliseconds(0.5)
    numbers = [each for each in medians if isinstance(each, float)]
    ratio: Cell = numbers[0] / numbers[1] if len(numbers) == 2 else "-"
    return [
        name,
        clients,
        medians[0],
        ours.milliseconds(0.95),
        medians[1],
        theirs.milliseconds(0.95),
        ratio,
        f"{len(ours.failures)} / {len(theirs.failures)}",
    ]


def _alone(name: str, clients: int, timings: Timings) -> list[Cell]:
    p50, p95 = timings.milliseconds(0.5), timings.milliseconds(0.95)
    return [name, clients, p50, p95, len(timings.failures)]


def _tell_where_theirs_wins(rows: list[list[Cell]]) -> str:
    wins = [
        f"{name} ({clients} clients)" if clients != 1 else f"{name} (1 client)"
        for name, clients, *_, ratio, _failed in rows
        if isinstance(ratio, float) and ratio > 1
    ]
    if not wins:
        return "ContextForge's median was the lower one nowhere."
    return f"ContextForge's median was the lower one for: {'; '.join(wins)}."


def _tell_failures(timed: dict[tuple[str, int], list[Timings]]) -> list[Table]:
    """Why requests failed, if any did."""
    rows: list[list[Cell]] = []
    for (name, clients), sides in timed.items():
        for side, timings in zip(("Ciborium", "ContextForge", "no gateway"), sides, strict=False):
            for reason, count in Counter(timings.failures).most_common(2):
                rows.append([name, clients, side, count, reason[:200]])
    columns = ["", "clients", "by", "requests", "reason"]
    return [Table("Requests that failed", columns, rows)] if rows else []


TEXT = """\
The same work by Ciborium and by
[ContextForge](https://pypi.org/project/mcp-contextforge-gateway/), a gateway that is a process
with a database. Both had the same 20 servers registered (FastMCP on loopback, 20 tools each, one
page) and were asked over HTTP by the same program, with a bearer token and connections that are
kept, in turn: a few requests to one, then to the other. Requests that failed are counted and have
no time.

What they are here: Ciborium is `make run`, this code in one Python process with threads and
DynamoDB and KMS emulated by a second process. ContextForge is `mcpgateway` as its documentation
starts it, one uvicorn worker and SQLite in a file; it may reach loopback, and its limit of
requests a minute is off. Neither compressed its answers. The program, both gateways, the emulator
and the servers share this machine's cores. So the table compares what each has to do for a request,
with Ciborium's round trips to the emulator in its times and SQLite in ContextForge's. It says
nothing about DynamoDB or PostgreSQL, and nothing of how many requests either can serve when it has
more machines: in Lambda each request has a process of its own, and ContextForge can have more
workers.

What they do differently:

- Ciborium caches nothing of users, rights and servers: three reads of the database before every
  answer, one where a server is created. ContextForge keeps users, roles and which tool is which in
  its process, each for up to 60 seconds; the rest it reads from a file beside it.
- ContextForge asks a server when it is created and stores the tools; Ciborium stores the server
  and asks it when its tools are wanted. The fair comparison is "create a server and show its
  tools".
- "Known ones": ContextForge answers from its database with what the server offered when it was
  last asked. Ciborium uses a list again only for as long as the server calls it fresh, here an
  hour, and asks again otherwise.
- "Asking it": one request to Ciborium; two to ContextForge, whose first compares what the server
  offers with its database.
- "Call a tool": Ciborium asks for the list, for the annotations of the tool's schema, and calls,
  both over a connection that it keeps. ContextForge makes a new connection and session for each
  call.
- "At its best": the list is still fresh, so Ciborium sends the call only; to ContextForge the
  caller named an MCP session, for which it keeps the session with the server.
- Ciborium writes a line of log for each request. ContextForge, as it starts by itself, writes
  errors only, and counts each call in its database in batches."""

"""The same work by Ciborium and by the peer gateway: `python -m tests.bench.gateway [attempts]`."""

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
from tests.bench.printing import print_section
from tests.bench.report import Cell, Section, Table
from tests.bench.timing import Side, Timings, time_in_turn
from tests.support.local_stack import ADMIN_TOKEN, LocalRun
from tests.support.mcp_peers import running_mcp_servers

CLIENTS = (1, 8)
ATTEMPTS = 40
OPERATIONS = (LIST, GET, CREATE, CREATE_AND_LIST, TOOLS_KNOWN, TOOLS_ASKED, CALL, CALL_KNOWN)
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
    return Section("gateway", "Next to a peer gateway", TEXT, tables)


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


def _tell_failures(timed: dict[tuple[str, int], list[Timings]]) -> list[Table]:
    """Why requests failed, if any did."""
    rows: list[list[Cell]] = []
    for (name, clients), sides in timed.items():
        for side, timings in zip(("Ciborium", "ContextForge", "no gateway"), sides, strict=False):
            for reason, count in Counter(timings.failures).most_common(2):
                rows.append([name, clients, side, count, reason[:200]])
    columns = ["", "clients", "by", "requests", "reason"]
    return [Table("Requests that failed", columns, rows)] if rows else []


TEXT = ""


if __name__ == "__main__":
    print_section(measure(*map(int, sys.argv[1:2])))

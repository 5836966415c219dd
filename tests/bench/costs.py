"""What requests and an idle month cost in dollars, next to a container that is always on."""

import json
import statistics
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial

from chalicelib.events import FOLLOW, REAPER, TURNS, clear_up, take_hints
from chalicelib.metrics import UNITS
from infra.template import additions
from tests.bench import prices
from tests.bench.report import Cell, Chart, Section, Table
from tests.bench.world import ONCE, Bench, Call, starting
from tests.functional.test_costs import CHAT, COSTS, READS, Caller
from tests.support.chats import CHATS
from tests.support.emf import metrics_of
from tests.support.turns import talking

TEXT = """Calls, units and bytes of logs are exact: counted and reckoned in this process for each
line of `tests/functional/test_costs.py`. Dollars are list prices of us-east-1 without any free
tier, from the table in `tests/bench/prices.py`, which also has the assumptions: the handler's
measured time is stretched to what 1,024 MB of a Lambda have of a vCPU, and on top come {read:g} ms
for each read and {write:g} ms for each write of DynamoDB, {outbound:g} ms for each request to an
MCP or authorization server, and {model:g} s for a model's answer. Transfer to the internet, storage
and what models cost are left out: they are the same for both.

The container is what one would run instead: two Fargate tasks of half a vCPU, a load balancer, and
a small PostgreSQL in two zones. Waiting for a model costs it nothing, while a Lambda is paid by the
second: so turns break even long before requests do. How much such a container bears is not
measured; at the break-even it has the last column's rate to bear on average, and peaks above it.
The comparison is in the container's favour where it has less: Ciborium pays for alarms, a dashboard
and, as soon as it is used, at most for every metric of every function; the container has none."""
ARCHITECTURES = {"x86": prices.LAMBDA_X86, "arm64": prices.LAMBDA_ARM}
# A hundred requests of people who follow their chats over WebSockets.
MIX = {
    "GET /api/v2/users/{user_id}": 5,
    "GET /api/experimental/mcp/servers": 10,
    "GET /api/experimental/mcp/servers/{server_id}": 5,
    f"GET {CHATS}": 20,
    f"GET {CHAT}": 10,
    f"GET {CHAT}/messages": 25,
    f"GET {CHAT}/events": 15,
    f"POST {CHAT}/messages": 10,
}
QUESTION = 'use search {"q": "open"}'
_RUNS = 8
_SLOW_MILLISECONDS = 10.0  # Of our own work in what cannot be repeated.
FUNCTIONS = ("api", TURNS, REAPER, FOLLOW)


@dataclass(frozen=True)
class Cost:
    """What one request, or one step of a worker, consumes and takes.

    Attributes:
        metrics: how many CloudWatch takes out of its line; they cost by the month.
    """

    read_units: float
    write_units: float
    queue_requests: int
    milliseconds: float
    log_bytes: int
    metrics: int
    is_request: bool = True
    kms_requests: int = 0

    def dollars(self, architecture: str = "x86") -> float:
        """Its price."""
        memory = self.milliseconds / 1000 * prices.MEMORY_GB
        return (
            (prices.API_REQUEST.dollars if self.is_request else 0)
            + prices.LAMBDA_REQUEST.dollars
            + memory * ARCHITECTURES[architecture].dollars
            + self.read_units * prices.READ_UNIT.dollars
            + self.write_units * prices.WRITE_UNIT.dollars
            + self.kms_requests * prices.KMS_REQUEST.dollars
            + self.queue_requests * prices.SQS_REQUEST.dollars
            + (prices.LOG_BYTES + self.log_bytes) / 1e9 * prices.LOG_GB.dollars
        )


def cost_of(call: Call, own: float, waiting: float, *, is_request: bool = True) -> Cost:
    """What a call costs whose own work takes so many milliseconds, besides its waiting for others.

    The waiting for DynamoDB comes on top.
    """
    operations = [each.split(".")[1] for each in call.aws_calls if each.startswith("dynamodb.")]
    reads = sum(each in READS for each in operations)
    waiting += reads * prices.READ_MILLISECONDS
    waiting += (len(operations) - reads) * prices.WRITE_MILLISECONDS
    consumed, took = call.consumed, own * prices.CPU_FACTOR + waiting
    return Cost(
        consumed.read_units,
        consumed.write_units,
        consumed.calls["SQS"],
        took,
        len(call.log_line.encode()),
        len(metrics_of(json.loads(call.log_line))),
        is_request,
    )


def look_at_endpoints(endpoints: list[str], runs: int) -> dict[str, Cost]:
    """What each endpoint costs; those that only read share a deployment."""
    harmless = [each for each in endpoints if each.startswith("GET ") and each not in ONCE]
    groups = [harmless, *([each] for each in endpoints if each not in harmless)]
    found: dict[str, Cost] = {}
    for group in filter(None, groups):
        with starting() as bench:
            found |= _look_at_some(bench, group, runs)
    return {each: found[each] for each in endpoints}


def _look_at_some(bench: Bench, endpoints: list[str], runs: int) -> dict[str, Cost]:
    found: dict[str, Cost] = {}
    with bench.deployment.admin as client, bench.world.browser() as browser:
        caller = Caller(bench.world, client, browser)
        caller.prepare_callback()
        for endpoint in endpoints:
            step, (_, _, kms, outbound) = COSTS[endpoint]
            call = bench.look_at(partial(step, caller), 0 if endpoint in ONCE else runs)
            times = call.milliseconds or [_SLOW_MILLISECONDS]
            waiting = outbound * prices.OUTBOUND_MILLISECONDS
            cost = cost_of(call, statistics.median(times), waiting)
            found[endpoint] = replace(cost, kms_requests=kms)
    return found


def look_at_turn() -> dict[str, Cost]:
    """What a turn with one call of a tool costs, step by step, and a minute of the reaper."""
    waits = {
        "a worker: the model asks for a tool": prices.MODEL_MILLISECONDS,
        "a worker: the tool is called": 2 * prices.OUTBOUND_MILLISECONDS,
        "a worker: the model answers": prices.MODEL_MILLISECONDS,
    }
    with starting() as bench, talking(bench.world) as talk:
        chat_id, _ = talk.ask(QUESTION, mcp_server_ids=[bench.world.connected()])
        talk.say(chat_id, QUESTION)
        record = {"messageId": "hint", "body": json.dumps({"chat_id": chat_id})}
        services, hint, steps = bench.deployment.services, {"Records": [record]}, {}
        for name, wait in waits.items():
            call = bench.look_at_step(lambda: take_hints(services, hint))
            # Previews and renewed leases come with the time that an answer takes.
            previews = wait / 400 if wait == prices.MODEL_MILLISECONDS else 0
            call.consumed.write_units += previews + wait / 2000
            steps[name] = cost_of(call, _SLOW_MILLISECONDS, wait, is_request=False)
        minute = bench.look_at_step(lambda: clear_up(bench.deployment.services))
        steps[REAPER] = cost_of(minute, _SLOW_MILLISECONDS, 0, is_request=False)
    return steps


def idle_month(reaper: Cost) -> dict[str, float]:
    """Dollars of a month in which nobody does anything."""
    resources = Counter(each.get("Type") for each in additions()["Resources"].values())
    minutes = prices.HOURS * 60
    return {
        "KMS keys": resources["AWS::KMS::Key"] * prices.KMS_KEY.dollars,
        "alarms": resources["AWS::CloudWatch::Alarm"] * prices.ALARM.dollars,
        "dashboard": resources["AWS::CloudWatch::Dashboard"] * prices.DASHBOARD.dollars,
        "metrics of the reaper": reaper.metrics * prices.METRIC.dollars,
        "the reaper": minutes * reaper.dollars(),
        "Lambda's looking into the queue": prices.POLLS_PER_MONTH * prices.SQS_REQUEST.dollars,
    }


def metrics_month(reaper: Cost) -> float:
    """Dollars of all metrics that idleness has not, were each counted in each hour of a month."""
    return (len(UNITS) * len(FUNCTIONS) - reaper.metrics) * prices.METRIC.dollars


def container_month() -> dict[str, float]:
    """Dollars of a month of a container with a database, however little it does."""
    task = prices.FARGATE_CPU.dollars / 2 + prices.FARGATE_GB.dollars
    balancer = prices.LOAD_BALANCER.dollars + prices.BALANCER_UNIT.dollars
    return {
        "two tasks of 0.5 vCPU and 1 GB": 2 * task * prices.HOURS,
        "load balancer": balancer * prices.HOURS,
        "PostgreSQL, db.t4g.micro in two zones": prices.DATABASE.dollars * prices.HOURS,
        "its disk, 20 GB": 20 * prices.DATABASE_GB.dollars,
        "one NAT gateway": prices.NAT.dollars * prices.HOURS,
        "three public addresses": 3 * prices.ADDRESS.dollars * prices.HOURS,
        "KMS key": prices.KMS_KEY.dollars,
    }


def measure(endpoints: tuple[str, ...] = tuple(COSTS), runs: int = _RUNS) -> Section:
    """Reckon it all."""
    wanted = list(dict.fromkeys([*endpoints, *MIX]))
    costs, steps = look_at_endpoints(wanted, runs), look_at_turn()
    reaper = steps.pop(REAPER)
    mixed = {
        name: sum(share * costs[each].dollars(name) for each, share in MIX.items()) / 100
        for name in ARCHITECTURES
    }
    sending = costs[f"POST {CHAT}/messages"]
    turn = {
        name: sending.dollars(name) + sum(each.dollars(name) for each in steps.values())
        for name in ARCHITECTURES
    }
    idle, container, metrics = idle_month(reaper), container_month(), metrics_month(reaper)
    fixed, always = sum(idle.values()) + metrics, sum(container.values())
    tables = [
        _endpoint_table(costs, steps),
        _month_table(idle, metrics, container),
        _break_even_table(mixed, turn, fixed, always),
        _mix_table(),
    ]
    return Section("costs", "Costs", _text(), tables, _chart(mixed, turn, fixed, always))


def _endpoint_table(costs: dict[str, Cost], steps: dict[str, Cost]) -> Table:
    rows: list[list[Cell]] = []
    for name, each in [*((f"`{name}`", cost) for name, cost in costs.items()), *steps.items()]:
        millions = [1e6 * each.dollars(architecture) for architecture in ARCHITECTURES]
        units: list[Cell] = [each.read_units, each.write_units, each.queue_requests]
        rows.append([name, *units, each.milliseconds, *millions])
    columns = ["", "read units", "write units", "SQS", "ms", "$ a million, x86", "$, arm64"]
    return Table("Each endpoint, and the steps of a turn; ms with the waiting", columns, rows)


def _month_table(idle: dict[str, float], metrics: float, container: dict[str, float]) -> Table:
    rows: list[list[Cell]] = [["Ciborium", name, dollars] for name, dollars in idle.items()]
    rows.append(["Ciborium", "**in all**", sum(idle.values())])
    rows.append(["Ciborium, once used", "on top, at most: all other metrics", metrics])
    rows += [["container", name, dollars] for name, dollars in container.items()]
    rows.append(["container", "**in all**", sum(container.values())])
    return Table("A month in which nobody does anything", ["", "", "$"], rows)


def _break_even_table(
    mixed: dict[str, float], turn: dict[str, float], fixed: float, always: float
) -> Table:
    rows: list[list[Cell]] = []
    for name in ARCHITECTURES:
        for what, dollars in (("requests", mixed[name]), ("turns", turn[name])):
            even = (always - fixed) / dollars
            rows.append([f"{what}, {name}", 1e6 * dollars, int(even), even / prices.MONTH_SECONDS])
    caption = "When the container is as cheap; a turn has one call of a tool"
    return Table(caption, ["", "$ a million", "a month", "a second"], rows)


def _mix_table() -> Table:
    rows: list[list[Cell]] = [[f"`{each}`", share] for each, share in MIX.items()]
    return Table("The requests meant there, of people at work in a browser", ["", "%"], rows)


def _chart(mixed: dict[str, float], turn: dict[str, float], fixed: float, always: float) -> Chart:
    amounts = [10.0**exponent for exponent in range(3, 9)]
    lines = {
        f"Ciborium, {what}": [(each, fixed + each * price["x86"]) for each in amounts]
        for what, price in (("requests", mixed), ("turns", turn))
    }
    lines["container, as long as it suffices"] = [(each, always) for each in amounts]
    return Chart("A month's costs, by its requests or turns", "dollars", lines)


def _text() -> str:
    return TEXT.format(
        read=prices.READ_MILLISECONDS,
        write=prices.WRITE_MILLISECONDS,
        outbound=prices.OUTBOUND_MILLISECONDS,
        model=prices.MODEL_MILLISECONDS / 1000,
    )

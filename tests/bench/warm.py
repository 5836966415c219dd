"""How long the API's handler takes in a warm container, without AWS's own time."""

import statistics

from tests.bench.figures import percentile
from tests.bench.report import Cell, Section, Table
from tests.bench.world import ONCE, Call, starting
from tests.functional.test_costs import COSTS, Caller

ENDPOINTS = tuple(each for each in COSTS if each not in ONCE)
TEXT = """Each endpoint's handler, called as Lambda calls it, in a warm process. DynamoDB, KMS and
SQS take no time: what moto answered the first time is given to botocore again where it would send.
Everything before that is ours to answer for and is in the figures: Chalice, validation, PynamoDB,
botocore's signing and parsing, and the work of MCP and authorization servers in the same process,
where a request goes out. After each request one to a Chalice app with a single empty route is
timed; the ratio is that of the medians. In an account, the way to DynamoDB and back comes on top
for each call. Left out are `GET /readyz`, which only asks AWS, and the two callbacks, whose code is
good for one request."""


def look_at(endpoint: str, runs: int) -> Call:
    """Make an endpoint's request of `tests/functional/test_costs.py` in a deployment of its own."""
    with starting() as bench, bench.deployment.admin as client, bench.world.browser() as browser:
        caller = Caller(bench.world, client, browser)
        caller.prepare_callback()
        step, _ = COSTS[endpoint]
        return bench.look_at(lambda: step(caller), runs)


def measure(runs: int = 100, endpoints: tuple[str, ...] = ENDPOINTS) -> Section:
    """Time the endpoints."""
    rows: list[list[Cell]] = []
    for endpoint in endpoints:
        call = look_at(endpoint, runs)
        median = statistics.median(call.milliseconds)
        ratio = median / statistics.median(call.empty)
        p95 = percentile(call.milliseconds, 0.95)
        rows.append([f"`{endpoint}`", median, p95, ratio, call.database_calls, call.body_bytes])
    columns = ["endpoint", "p50 ms", "p95 ms", "÷ empty route", "DynamoDB calls", "body bytes"]
    caption = f"{runs} requests each, one after the other"
    return Section("warm", "Warm requests", TEXT, [Table(caption, columns, rows)])

"""The benchmarks that run in process, with hardly anything to measure."""

import pytest

from tests.bench import costs, growth, warm
from tests.bench.world import starting
from tests.functional.test_costs import ONE
from tests.support.people import ME
from tests.support.servers import SERVERS, create_server


def test_warm_requests_are_timed_and_their_calls_counted() -> None:
    section = warm.measure(2, ("GET /healthz", f"GET {ONE}"))
    [[_, health, _, _, no_calls, _], [_, server, p95, _, calls, body]] = section.tables[0].rows
    assert (no_calls, calls) == (0, 3)
    assert 0 < float(health) < float(server) <= float(p95)
    assert int(body) > 500


def test_what_grows_is_seen_to_grow() -> None:
    section = growth.measure((1, 40), 1, ("servers",))
    rows = {str(row[0]): row[1:] for row in section.tables[0].rows}
    few, many = (int(each) for each in str(rows["list servers"][3]).split(" → "))
    assert many > 10 * few
    assert rows["list servers"][:2] == [3, 3]
    assert rows["get a server"][2] == "3 → 3"
    assert section.chart
    assert set(section.chart.series) == {
        "list servers (servers)",
        "start a chat (servers)",
        "the other 4, median",
    }


@pytest.mark.parametrize("axis", growth.AXES)
def test_no_number_of_calls_grows_unexplained(axis: str) -> None:
    found = growth.follow(axis, (1, 12), 0)
    grown = {
        what
        for what, calls in found.items()
        if len({each.database_calls for each in calls}) > 1
        or len({each.consumed.read_units for each in calls}) > 1
    }
    assert grown <= {what for what, look in growth.AXES[axis].looks.items() if look.why}


def test_costs_are_reckoned_for_requests_turns_and_idle_months() -> None:
    section = costs.measure(("GET /healthz", "GET /api/v2/users/oidc/callback"), 1)
    endpoints, month, even, mix = section.tables
    assert endpoints.rows[0][1:4] == [0, 0, 0]
    assert all(float(row[5]) > float(row[6]) > 3.5 for row in endpoints.rows[:2])
    assert [row[0] for row in month.rows if row[1] == "**in all**"] == ["Ciborium", "container"]
    assert all(int(row[2]) > 10_000 for row in even.rows)
    assert sum(int(row[1]) for row in mix.rows) == 100


def test_repetitions_change_nothing_and_reach_no_storage() -> None:
    with starting() as bench, bench.deployment.admin as client:
        create_server(client)
        calls = bench.deployment.aws_calls
        calls.reset()
        path = f"{SERVERS}/{client.get(SERVERS).json()[0]['id']}"
        call = bench.look_at(lambda: client.patch(path, json={"description": "New"}), 5)
        assert len(call.milliseconds) == len(call.empty) == 5
        assert client.get(path).json()["description"] == "New"
        client.get(ME).raise_for_status()


def test_what_answers_differently_when_repeated_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="502, where it was 200"):
        warm.look_at(f"GET {ONE}/oauth2/callback", 1)

"""Alarms and the dashboard look at metrics that functions print, under the same names."""

import json
from collections.abc import Iterator

from chalicelib.logs import FIELDS
from chalicelib.metrics import DIMENSIONS, NAMESPACE, UNITS
from infra.alarms import alarms
from infra.dashboard import dashboard

UNWATCHED = {"Requests", "Duration", "DynamoDBCalls", "ReadUnits", "WriteUnits", "OutboundCalls"}
"""For queries by stage; of all but the last AWS has metrics of its own, which are watched."""


def watched() -> Iterator[tuple[str, dict[str, object]]]:
    """Each of our metrics that something looks at, with its dimensions."""
    for alarm in alarms():
        namespace, metric = alarm.metric
        if namespace == NAMESPACE:
            yield metric, dict(alarm.dimensions)
    body = json.loads(dashboard()["Properties"]["DashboardBody"]["Fn::Sub"])
    for widget in body["widgets"]:
        for namespace, *rest in widget["properties"].get("metrics", ()):
            if namespace == NAMESPACE:
                metric, *pairs = [each for each in rest if isinstance(each, str)]
                yield metric, dict(zip(pairs[::2], pairs[1::2], strict=True))


def test_what_is_watched_is_printed() -> None:
    found = list(watched())
    assert len(found) > 20
    for metric, dimensions in found:
        assert metric in UNITS, metric
        assert dimensions.keys() == set(DIMENSIONS)
        assert FIELDS["function"](dimensions["Function"]), dimensions


def test_what_is_printed_is_watched() -> None:
    assert {each.value for each in UNITS} - {metric for metric, _ in watched()} <= UNWATCHED

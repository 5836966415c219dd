"""Alarms, the dashboard, and the page that tells what they mean."""

import json
import re

from infra.alarms import FUNCTIONS, alarm_resources, alarms
from infra.dashboard import dashboard
from infra.local.environments import ROOT
from infra.template import additions

PAGE = ROOT / "docs" / "alarms.md"


def sections() -> dict[str, str]:
    """Each alarm that has a section, and the section."""
    text = PAGE.read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return {
        name: section
        for heading, section in zip(parts[::2], parts[1::2], strict=True)
        for name in heading.split(", ")
    }


def test_each_alarm_has_its_section_that_says_what_it_means_where_to_look_and_what_to_do() -> None:
    found = sections()
    assert found.keys() == {each.name for each in alarms()}
    for name, section in found.items():
        for heading in ("**Means.** ", "**See.** ", "**Do.** "):
            assert heading in section, (name, heading)


def test_each_alarm_tells_the_topic_when_it_rings_and_when_it_is_over() -> None:
    topic = [{"Ref": "AlarmTopic"}]
    for name, resource in alarm_resources().items():
        properties = resource["Properties"]
        assert properties["AlarmActions"] == properties["OKActions"] == topic
        assert name in properties["AlarmDescription"]
        assert properties["AlarmName"] == {"Fn::Sub": f"ciborium-${{Stage}}-{name}"}


def test_silence_is_a_fault_where_something_must_happen_each_minute_and_nowhere_else() -> None:
    silent = {each.name for each in alarms() if each.missing == "breaching"}
    assert silent == {"ReaperSilent"}


def test_every_function_and_every_dead_letter_queue_is_watched() -> None:
    watched = {(each.metric[1], json.dumps(each.dimensions)) for each in alarms()}
    for function in FUNCTIONS.values():
        name = json.dumps({"FunctionName": {"Fn::Sub": f"ciborium-${{Stage}}-{function}"}})
        assert {("Errors", name), ("Throttles", name)} <= watched
    # What a function catches, Lambda counts as no error; these two answer somebody.
    own = json.dumps({"Stage": {"Ref": "Stage"}, "Function": "follow"})
    api = json.dumps({"ApiName": {"Fn::Sub": "ciborium-${Stage}-api"}, "Stage": "api"})
    assert {("ServerErrors", own), ("5XXError", api)} <= watched
    queues = [
        each["Properties"]["QueueName"]
        for each in additions()["Resources"].values()
        if each.get("Type") == "AWS::SQS::Queue"
    ]
    dead = [each for each in queues if each["Fn::Sub"].endswith("-dead")]
    assert len(dead) == 2
    for each in dead:
        dimensions = json.dumps({"QueueName": each})
        assert ("ApproximateNumberOfMessagesVisible", dimensions) in watched


def test_graphs_lie_beside_each_other_and_show_every_table() -> None:
    body = json.loads(dashboard()["Properties"]["DashboardBody"]["Fn::Sub"])
    places = [
        {
            (each["x"] + x, each["y"] + y)
            for x in range(each["width"])
            for y in range(each["height"])
        }
        for each in body["widgets"]
    ]
    assert sum(map(len, places)) == len(set.union(*places))
    assert max(x for place in places for x, _ in place) < 24
    tables = [
        each["Properties"]["TableName"]["Fn::Sub"]
        for each in additions()["Resources"].values()
        if each.get("Type") == "AWS::DynamoDB::Table"
    ]
    text = json.dumps(body)
    assert all(table in text for table in tables)


def test_the_dashboard_leads_to_pages_that_there_are() -> None:
    body = dashboard()["Properties"]["DashboardBody"]["Fn::Sub"]
    pages = re.findall(r"\$\{RunbookURL\}/([\w.]+)", body)
    assert pages
    for page in pages:
        assert (ROOT / "docs" / page).is_file(), page

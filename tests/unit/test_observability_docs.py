"""docs/observability.md tells of the fields and metrics that there are; no page asks for others."""

import json
import re
from pathlib import Path

import pytest

from chalicelib.logs import FIELDS
from chalicelib.metrics import DIMENSIONS, UNITS

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "observability.md").read_text(encoding="utf-8")
ALARMS = (DOCS / "alarms.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"\n\n```\n(.*?)\n```", TEXT, re.DOTALL)
QUERIES_OF_ALARMS = re.findall(r"`+\n?((?:filter|stats|fields) [^`]*)", ALARMS)
ALWAYS = {"time", "level", "message"}
ADDED = {"logger", "masked"}
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
WORDS = {
    *("filter", "stats", "fields", "sort", "limit", "by", "as", "and", "or", "asc", "desc"),
    *("like", "count", "count_distinct", "sum", "max", "pct", "bin", "ispresent"),
}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_field_is_described_and_no_other() -> None:
    described = [name for row in rows("Fields") for name in re.findall(r"`(\w+)`", row[0])]
    assert len(described) == len(set(described))
    assert set(described) == FIELDS.keys() | ADDED


def test_every_metric_is_described_with_its_unit() -> None:
    described = {row[0].strip("`"): row[1] for row in rows("Metrics")}
    assert described == {each.value: unit for each, unit in UNITS.items()}


@pytest.mark.parametrize("query", QUERIES + QUERIES_OF_ALARMS)
def test_queries_ask_for_fields_that_exist(query: str) -> None:
    named = set(re.findall(r" as (\w+)", query))
    bare = re.sub(r'"[^"]*"|/[^/]*/|@\w+|bin\(\w+\)|\.0\b', " ", query)
    asked = set(re.findall(r"[A-Za-z_]\w*", bare)) - WORDS - named
    assert asked or "@message" in query
    assert asked <= FIELDS.keys() | ALWAYS | {each.value for each in UNITS}
    messages = re.findall(r'message = "(\w+)"', query)
    assert set(messages) <= {"request", "turn", "reaper", "socket"}


def test_there_are_queries() -> None:
    assert len(QUERIES) == 8
    assert len(QUERIES_OF_ALARMS) > 5


def test_the_example_is_a_line_that_could_be() -> None:
    [example] = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    line = json.loads(example)
    known = {*FIELDS, *ALWAYS, *DIMENSIONS, "_aws", *(each.value for each in UNITS)}
    assert line.keys() <= known
    for name, value in line.items():
        if name in FIELDS and not str(value).endswith("…"):
            assert FIELDS[name](value), name

"""Makes `docs/mcp-conformance.md` from the tests with `@pytest.mark.rule`: `make rules-table`.

It runs all of them first and writes nothing unless every one of them passed.
"""

import argparse
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tests.conformance.rules import (
    NOT_APPLICABLE,
    PENDING,
    RULES,
    SECTIONS,
    Rule,
    RuleID,
    find_problems,
)

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "mcp-conformance.md"

Tests = dict[str, list[RuleID]]

_INTRODUCTION = """\
# MCP conformance

Made by `make rules-table` from the tests; edit those, or `tests/conformance/rules.py`.

Each rule below is a duty of an MCP client with OAuth2. *Our tests* carry the rule's number with
`@pytest.mark.rule`; the table is written only after every one of them has passed, and a test in the
suite fails when it is out of date. *Official suite* names the scenarios of
`@modelcontextprotocol/conformance` that look at the same rule, where there are any;
`make conformance` runs each of them by itself against a running Ciborium, and says what passed.

{tests} tests for {rules} rules.
"""


class Recorder:
    """A pytest plugin: which tests carry which rules, and which of them did not pass."""

    def __init__(self) -> None:
        self.tests: Tests = {}
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Note the rules of a test; the cases of a parametrised one are one test."""
        ids = [id_ for marker in item.iter_markers("rule") for id_ in marker.args]
        if ids:
            self.tests[_name(item.nodeid)] = ids

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test went; one that was skipped has not passed."""
        if not report.passed:
            self.failed.add(_name(report.nodeid))
        elif report.when == "call":
            self.passed.add(_name(report.nodeid))


def collect(*options: str) -> Recorder:
    """Run pytest over the tests that carry a rule; its output goes to stderr.

    Raises:
        RuntimeError: pytest could not collect or run them.
    """
    recorder = Recorder()
    arguments = [*options, "-m", "rule", "-q", "-p", "no:cacheprovider", str(ROOT / "tests")]
    with redirect_stdout(sys.stderr):
        code = pytest.main(arguments, plugins=[recorder])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        raise RuntimeError(f"pytest ended with {code!r}.")
    return recorder


def render(tests: Tests) -> str:
    """The document, for tests that have all passed."""
    parts = [_INTRODUCTION.format(tests=len(tests), rules=len(RULES))]
    for title, rules in SECTIONS.items():
        rows = [_render_row(rule, tests) for rule in rules]
        head = ["| rule | level | duty | result | our tests | official suite |", "|---" * 6 + "|"]
        parts.append("\n".join([f"## {title}", "", *head, *rows, ""]))
    return "\n".join(parts)


def _render_row(rule: Rule, tests: Tests) -> str:
    names = sorted(name for name, ids in tests.items() if rule.id in ids)
    result, shown = "pass", "<br>".join(f"`{name}`" for name in names)
    if rule.id in NOT_APPLICABLE:
        result, shown = "not applicable", NOT_APPLICABLE[rule.id]
    elif rule.id in PENDING or not names:
        result = "to come"
    scenarios = "<br>".join(f"`{each}`" for each in rule.scenarios)
    cells = (str(rule.id), rule.level, rule.duty, result, shown, scenarios)
    return f"| {' | '.join(cells)} |"


def _name(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def main() -> None:
    """Run the tests and write the document, or only say which tests there are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collect", action="store_true", help="print which test carries what")
    if parser.parse_args().collect:
        # No assertion is going to fail; to prepare for that takes longer than all the rest.
        print(json.dumps(collect("--collect-only", "--assert=plain").tests))
        return
    found = collect()
    not_passed = (found.tests.keys() - found.passed) | found.failed
    problems = [f"{name} did not pass" for name in sorted(not_passed)]
    problems += find_problems(found.tests)
    if problems:
        sys.exit("\n".join(["The table is not written:", *problems]))
    DOCUMENT.write_text(render(found.tests), encoding="utf-8")
    print(f"{len(found.tests)} tests for {len(RULES)} rules, all passed: {DOCUMENT}")


if __name__ == "__main__":
    main()

"""Every rule has its test, and the table of them is the one that the tests make."""

import json
import subprocess
import sys

import pytest

from tests.conformance.rules import NOT_APPLICABLE, PENDING, RULES, find_problems
from tests.conformance.table import DOCUMENT, ROOT, Tests, render


@pytest.fixture(scope="module")
def collected() -> Tests:
    """What a pytest of its own collects, since this one may run a few files only."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance.table", "--collect"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tests: Tests = json.loads(done.stdout)
    return tests


def test_every_rule_and_every_trap_has_a_test_of_its_own(collected: Tests) -> None:
    assert find_problems(collected) == []


def test_no_rule_waits_for_its_test() -> None:
    assert not PENDING


def test_the_document_is_the_one_that_the_tests_make(collected: Tests) -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(collected), "Run make rules-table."


def test_a_rule_without_a_test_and_a_test_without_a_rule_are_found() -> None:
    excused = NOT_APPLICABLE.keys() | PENDING
    tests: Tests = {"test_x": [*(id_ for id_ in RULES if id_ not in {36, *excused}), 99]}
    assert find_problems(tests) == ["99 is no rule", "36 has no test"]
    tests["test_y"] = [18, 36]
    assert find_problems(tests) == ["99 is no rule", "18 has a test and is excused from it"]


def test_the_rules_are_all_seventy() -> None:
    assert [id_ for id_ in RULES if isinstance(id_, int)] == list(range(1, 71))

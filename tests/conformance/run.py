"""The official MCP conformance suite against a real running Ciborium: `make conformance`.

Every client scenario that a revision of the specification requires is run alone. It passes only if
every check passes without a warning, in time, and the adapter ends well; in the suite's own
parallel mode a crash may count as a success. Then come the negative controls: with one duty
neglected (`broken.py`), its scenario must fail.

`--only TEXT` runs what contains the text in its name, `--revision` one revision; `--verbose` shows
what the suite prints.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from infra.local.environments import node_modules, node_path
from tests.conformance.broken import DUTIES
from tests.support.local_stack import ADMIN_TOKEN, LocalRun

REVISIONS = ("2025-11-25", "2026-07-28")
UNSCORED = ("json-schema-2020-12-preservation",)
CLIENT_METADATA_URL = "https://conformance-test.local/client-metadata.json"
_CLEAN = re.compile(r"Passed: (\d+)/\1, 0 failed, 0 warnings")
# A check of the suite's own has failed: more than a client that ended badly.
_NOTICED = re.compile(r"Passed: \d+/\d+, (?!0 failed, 0 warnings)")
ADAPTER = Path(__file__).with_name("adapter.py")


@dataclass(frozen=True)
class Outcome:
    """What became of one scenario."""

    scenario: str
    revision: str
    passed: bool
    seconds: float
    output: str


def required_scenarios(revision: str) -> list[str]:
    """The client scenarios that the suite requires of a revision, in its order."""
    text = _conformance("list", "--requirements", revision).stdout
    _, _, clients = text.partition("Client scenarios")
    listed = re.split(r"\n\s*\n", clients)[0]
    return re.findall(r"^\s+- (\S+)", listed, re.MULTILINE)


def run_scenario(broker: LocalRun, scenario: str, revision: str) -> Outcome:
    """One scenario, alone."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = _conformance(
            *("client", "--command", f"{sys.executable} {ADAPTER}"),
            *("--scenario", scenario, "--spec-version", revision, "-o", folder, "--verbose"),
            CIBORIUM_CONFORMANCE_URL=broker.url,
            CIBORIUM_CONFORMANCE_TOKEN=ADMIN_TOKEN,
        )
    seconds = time.monotonic() - started
    output = done.stdout + done.stderr
    # The suite itself lets a warning pass.
    passed = done.returncode == 0 and _CLEAN.search(output) is not None
    return Outcome(scenario, revision, passed, seconds, output)


class BrokenRun(LocalRun):
    """The same program, with duties that can be switched off."""

    program = "tests.conformance.broken"


def run_required(broker: LocalRun, revision: str, options: argparse.Namespace) -> list[Outcome]:
    """Every required scenario of a revision, and some that count for nothing."""
    required = required_scenarios(revision)
    outcomes = []
    for scenario in [*required, *UNSCORED]:
        if options.only in scenario:
            outcome = run_scenario(broker, scenario, revision)
            outcomes.append(outcome)
            _print(outcome, verbose=options.verbose, scored=scenario in required)
    scored = [each for each in outcomes if each.scenario in required]
    passed = sum(each.passed for each in scored)
    print(f"{revision}: {passed} of {len(scored)} required scenarios passed.\n", flush=True)
    return scored


def run_controls(broker: LocalRun, switch: Path, options: argparse.Namespace) -> list[Outcome]:
    """Each duty neglected, and its scenario; one that passes all the same has proved nothing."""
    outcomes = []
    for name, duty in DUTIES.items():
        if options.only not in f"{name} {duty.scenario}":
            continue
        switch.write_text(name, encoding="utf-8")
        outcome = run_scenario(broker, duty.scenario, duty.revision)
        noticed = _NOTICED.search(outcome.output) is not None
        outcomes.append(replace(outcome, passed=noticed))
        mark = "pass" if noticed else "FAIL"
        print(f"{mark}  {outcome.seconds:5.1f} s  without {name}: {duty.scenario}", flush=True)
    count = sum(each.passed for each in outcomes)
    print(f"Of {len(outcomes)} neglected duties, {count} were noticed.\n", flush=True)
    return outcomes


def main() -> None:
    """Run the scenarios and the controls, and print the score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--revision", choices=REVISIONS)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    outcomes: list[Outcome] = []
    # The suite asks for this very URL.
    metadata = {"CIBORIUM_CLIENT_METADATA_URL": CLIENT_METADATA_URL}
    with tempfile.TemporaryDirectory() as folder:
        with LocalRun(Path(folder, "state"), **metadata) as broker:
            for revision in [options.revision] if options.revision else REVISIONS:
                outcomes += run_required(broker, revision, options)
        switch = Path(folder, "neglected")
        switch.touch()
        with BrokenRun(Path(folder, "broken"), str(switch), **metadata) as broker:
            outcomes += run_controls(broker, switch, options)
    sys.exit(0 if outcomes and all(each.passed for each in outcomes) else 1)


def _print(outcome: Outcome, *, verbose: bool, scored: bool) -> None:
    mark = "pass" if outcome.passed else "FAIL"
    remark = "" if scored else " (not scored)"
    name = f"{outcome.revision} {outcome.scenario}{remark}"
    print(f"{mark}  {outcome.seconds:5.1f} s  {name}", flush=True)
    if verbose or not outcome.passed:
        print(outcome.output, flush=True)


def _conformance(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(node_modules() / ".bin" / "conformance"), *arguments],
        env={**os.environ, "PATH": node_path(), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


if __name__ == "__main__":
    main()

"""The official MCP conformance suite against a real running Ciborium: `make conformance`.

Every client scenario that a revision of the specification requires is run by itself. It passes only
if every check passes without a warning, in time, and the adapter ends well; in the suite's own
parallel mode a crash may count as a success. With one duty neglected (`broken.py`), its scenario
must fail: until these negative controls are done, one after the other, they have one of two lanes.

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
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from infra.local.environments import node_modules, node_path
from tests.conformance.broken import DUTIES
from tests.support.local_stack import ADMIN_TOKEN, LocalRun

REVISIONS = ("2025-11-25", "2026-07-28")
UNSCORED = ("json-schema-2020-12-preservation",)
CLIENT_METADATA_URL = "https://conformance-test.local/client-metadata.json"
AT_ONCE = 2
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


def begin_required(
    lanes: ThreadPoolExecutor, broker: LocalRun, revision: str, only: str
) -> list[tuple[bool, Future[Outcome]]]:
    """Have every required scenario of a revision run, and some that count for nothing.

    Returns:
        Whether each counts, and what will become of it.
    """
    required = required_scenarios(revision)
    return [
        (scenario in required, lanes.submit(run_scenario, broker, scenario, revision))
        for scenario in [*required, *UNSCORED]
        if only in scenario
    ]


def report_required(
    revision: str, begun: list[tuple[bool, Future[Outcome]]], *, verbose: bool
) -> list[Outcome]:
    """Say how each went as soon as it is known; those that count."""
    scored = []
    for is_scored, each in begun:
        outcome = each.result()
        _print(outcome, verbose=verbose, scored=is_scored)
        if is_scored:
            scored.append(outcome)
    passed = sum(each.passed for each in scored)
    print(f"{revision}: {passed} of {len(scored)} required scenarios passed.\n", flush=True)
    return scored


def run_controls(broken: LocalRun, switch: Path, only: str) -> dict[str, Outcome]:
    """Each duty neglected, and its scenario; one that passes all the same has proved nothing."""
    outcomes = {}
    for name, duty in DUTIES.items():
        if only in f"{name} {duty.scenario}":
            switch.write_text(name, encoding="utf-8")
            outcome = run_scenario(broken, duty.scenario, duty.revision)
            noticed = _NOTICED.search(outcome.output) is not None
            outcomes[name] = replace(outcome, passed=noticed)
    return outcomes


def report_controls(outcomes: dict[str, Outcome]) -> list[Outcome]:
    """Say what was noticed; all of them."""
    for name, outcome in outcomes.items():
        mark = "pass" if outcome.passed else "FAIL"
        print(f"{mark}  {outcome.seconds:5.1f} s  without {name}: {outcome.scenario}")
    count = sum(each.passed for each in outcomes.values())
    print(f"Of {len(outcomes)} neglected duties, {count} were noticed.\n", flush=True)
    return list(outcomes.values())


@contextmanager
def running_lanes() -> Iterator[ThreadPoolExecutor]:
    """Threads for what runs at the same time; what has not begun when this ends never does."""
    lanes = ThreadPoolExecutor(AT_ONCE)
    try:
        yield lanes
    finally:
        lanes.shutdown(cancel_futures=True)


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
        switch = Path(folder, "neglected")
        switch.touch()
        # Every scenario starts the suite anew; Node shall compile it once.
        os.environ["NODE_COMPILE_CACHE"] = str(Path(folder, "compiled"))
        with (
            BrokenRun(Path(folder, "broken"), str(switch), **metadata) as broken,
            LocalRun(Path(folder, "state"), **metadata) as broker,
            running_lanes() as lanes,
        ):
            controls = lanes.submit(run_controls, broken, switch, options.only)
            begun = {
                revision: begin_required(lanes, broker, revision, options.only)
                for revision in ([options.revision] if options.revision else REVISIONS)
            }
            for revision, each in begun.items():
                outcomes += report_required(revision, each, verbose=options.verbose)
            outcomes += report_controls(controls.result())
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

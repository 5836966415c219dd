"""The official MCP conformance suite against a real running Ciborium: `make conformance`.

Every client scenario that a revision of the specification requires is run alone. It passes only if
every check passes without a warning, in time, and the adapter ends well; in the suite's own
parallel mode a crash may count as a success. `--only TEXT` runs the scenarios whose name contains
the text, `--revision` one revision; `--verbose` shows what the suite prints.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from infra.local.environments import node_modules, node_path
from tests.support.local_stack import ADMIN_TOKEN, LocalRun

REVISIONS = ("2025-11-25", "2026-07-28")
UNSCORED = ("json-schema-2020-12-preservation",)
CLIENT_METADATA_URL = "https://conformance-test.local/client-metadata.json"
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
    return Outcome(scenario, revision, done.returncode == 0, seconds, done.stdout + done.stderr)


def start_broker(state: Path) -> LocalRun:
    """A Ciborium whose Client ID Metadata Document has the URL that the suite asks for."""
    return LocalRun(state, CIBORIUM_CLIENT_METADATA_URL=CLIENT_METADATA_URL)


def main() -> None:
    """Run the scenarios and print the score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--revision", choices=REVISIONS)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    failed, ran = False, 0
    with tempfile.TemporaryDirectory() as folder, start_broker(Path(folder)) as broker:
        for revision in [options.revision] if options.revision else REVISIONS:
            scenarios = required_scenarios(revision)
            outcomes = []
            for scenario in [*scenarios, *UNSCORED]:
                if options.only in scenario:
                    outcome = run_scenario(broker, scenario, revision)
                    outcomes.append(outcome)
                    _print(outcome, verbose=options.verbose, scored=scenario in scenarios)
            scored = [each for each in outcomes if each.scenario in scenarios]
            passed = sum(each.passed for each in scored)
            print(f"{revision}: {passed} of {len(scored)} required scenarios passed.\n", flush=True)
            failed = failed or passed < len(scored)
            ran += len(outcomes)
    sys.exit(1 if failed or not ran else 0)


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

"""`make audit`: does a known vulnerability concern what ships? And are its licences allowed?

Of the distributions in the package's bill of materials, by pip-audit. A finding fails. Where the
services that know of vulnerabilities cannot be reached, nothing is found either, and this says so;
with `AUDIT=required`, as it should be before a release, that fails as well.
"""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from infra.licences import list_refused
from infra.local.environments import python_of
from infra.package import BUILD
from infra.releases import SBOM

_SERVICES = ("pypi", "osv")  # What one does not know or is not reached for, the other is asked.
_SECONDS = 300
Verdict = tuple[list[str], list[str]]


def main() -> None:
    """Check the package that `make package` has built."""
    document = json.loads((BUILD / SBOM).read_text(encoding="utf-8"))
    components = document["components"]
    refused = list_refused((each["name"], _licence(each)) for each in components)
    if refused:
        sys.exit(f"Licences that are not allowed: {'; '.join(refused)}")
    print(f"{len(components)} distributions ship; their licences are allowed.")
    pinned = [f"{each['name']}=={each['version']}" for each in components]
    found, unknown = judge(pinned, [_ask(service, pinned) for service in _SERVICES])
    conclude(found, unknown, len(pinned), is_required=os.environ.get("AUDIT") == "required")


def conclude(found: list[str], unknown: list[str], count: int, *, is_required: bool) -> None:
    """Say what came of it.

    Args:
        found: the vulnerabilities.
        unknown: the distributions of which nothing is known.
        count: how many ship.
        is_required: whether not to know is a failure.

    Raises:
        SystemExit: it is a failure.
    """
    if found:
        sys.exit("Vulnerabilities in what ships:\n  " + "\n  ".join(found))
    if not unknown:
        print("No known vulnerability.")
        return
    told = (
        f"NOT AUDITED: {len(unknown)} of {count}, since no service that knows of "
        f"vulnerabilities answered for them: {', '.join(unknown)}."
    )
    if is_required:
        sys.exit(told)
    print(told)


def judge(pinned: list[str], reports: list[dict[str, Any] | None]) -> Verdict:
    """What was found, and of which distributions nothing is known.

    Args:
        pinned: the distributions.
        reports: what pip-audit said, by service; None where that was not reached.
    """
    found: list[str] = []
    audited: set[str] = set()
    for report in reports:
        for each in report["dependencies"] if report else ():
            if "skip_reason" in each:
                continue
            name = f"{each['name']}=={each['version']}"
            audited.add(_normal(name))
            found.extend(f"{name}: {one['id']}" for one in each["vulns"])
    unknown = [each for each in pinned if _normal(each) not in audited]
    return sorted(set(found)), unknown


def _ask(service: str, pinned: list[str]) -> dict[str, Any] | None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write("\n".join(pinned))
        requirements.flush()
        command = [
            *(str(python_of("supply")), "-m", "pip_audit", "--vulnerability-service", service),
            *("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"),
            *("--timeout", "10", "--requirement", requirements.name),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        reason = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        print(f"{service}: {reason[0][:200]}")
        return None
    return report


def _licence(component: dict[str, Any]) -> str:
    [said] = component["licenses"]
    return str(said.get("expression") or said["license"].get("id") or said["license"]["name"])


def _normal(pin: str) -> str:
    return pin.lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    main()

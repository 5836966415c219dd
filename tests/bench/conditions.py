"""Where and when a benchmark runs, and with what."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

from infra.local.environments import ROOT
from tests.bench.report import Conditions

_OURS = ("chalice", "pynamodb", "botocore", "httpx", "pydantic", "cryptography")


def read_conditions(compared: Iterable[tuple[str, str]] = ()) -> Conditions:
    """This machine, this commit, our versions, and those of others' packages.

    Args:
        compared: environments below `.local/venvs`, each with a package in it.
    """
    return Conditions(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=_commit(),
        machine={
            "cpu": _cpu(),
            "cores": f"{os.cpu_count()} cores",
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') >> 30} GB",
            "system": platform.system() + " " + platform.release().split("-")[0],
        },
        load=os.getloadavg()[0],
        versions={"Python": platform.python_version(), **_versions(compared)},
    )


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        return done.stdout.strip()

    is_changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return (git("rev-parse", "--short", "HEAD") or "?") + (" with changes" if is_changed else "")


def _cpu() -> str:
    described = Path("/proc/cpuinfo")
    text = described.read_text(encoding="utf-8") if described.is_file() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def _versions(compared: Iterable[tuple[str, str]]) -> dict[str, str]:
    found = {name: _version(ROOT / ".venv", name) for name in _OURS}
    for environment, name in compared:
        found[name] = _version(ROOT / ".local" / "venvs" / environment, name)
    return found


def _version(environment: Path, name: str) -> str:
    folders = [str(each) for each in environment.glob("lib/python*/site-packages")]
    return next((each.version for each in distributions(name=name, path=folders)), "?")

"""The distributions that ship, for the Lambda's Python and machine, each by its pinned hash.

Chalice's own way to them knows no hashes.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.template import ARCHITECTURES

_MACHINES = dict(zip(ARCHITECTURES, ("x86_64", "aarch64"), strict=True))
_GLIBC = range(34, 16, -1)
"""The minor versions of the C library whose wheels Lambda's Amazon Linux 2023 runs, newest first
(PEP 600)."""


class DistributionsError(Exception):
    """They cannot be had, or are not those that are pinned; the message has pip's words."""


def install(
    requirements: Path, folder: Path, architecture: str = ARCHITECTURES[0]
) -> dict[str, str]:
    """Put the distributions that a file pins into a folder.

    Wheels only, and only files whose hash the file has; nothing that it does not list.

    Returns:
        The SHA-256 of each wheel, by the distribution's name.

    Raises:
        DistributionsError: pip failed.
    """
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "report.json"
        _pip(requirements, folder, architecture, report)
        installed = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {
        each["metadata"]["name"]: each["download_info"]["archive_info"]["hashes"]["sha256"]
        for each in installed
    }


def _pip(requirements: Path, folder: Path, architecture: str, report: Path) -> None:
    machine = _MACHINES[architecture]
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in _GLIBC]
    version = f"{sys.version_info.major}{sys.version_info.minor}"
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"),
        *(*platforms, f"--platform=manylinux2014_{machine}"),
        *(f"--python-version={version}", "--implementation=cp"),
        *(f"--abi=cp{version}", "--abi=abi3", "--abi=none"),
        *("--report", str(report), "--target", str(folder), "--requirement", str(requirements)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DistributionsError(f"pip cannot get what {requirements.name} pins:\n{done.stderr}")

"""Whether a package is what the work tree would make now, so that it need not be built again."""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from infra.local.environments import ROOT
from infra.releases import SBOM, TEMPLATE
from infra.template import ARCHIVE

_STAMP = "made-from"
# The distributions' hashes, and the versions of the tools that build and check.
_FILES = (
    "app.py",
    "requirements.txt",
    "requirements-dev.txt",
    "infra/local/requirements-supply.txt",
)
_FOLDERS = ("chalicelib", ".chalice", "infra")
_NOT_READ = frozenset({"__pycache__", "deployments", "venv", ".env"})


def digest_of_input(architecture: str, root: Path = ROOT) -> str:
    """What goes into a package: sources, templates, pins, and the Python that builds."""
    digest = hashlib.sha256(f"{architecture} {sys.version} {sys.platform}".encode())
    for path in _input_files(root):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"\n{path.relative_to(root).as_posix()} {content}".encode())
    return digest.hexdigest()


def mark(folder: Path, digest: str) -> None:
    """Note in a folder with a package which input it was made of."""
    (folder / _STAMP).write_text(f"{digest} {_digest_of_output(folder)}", encoding="utf-8")


def is_current(folder: Path, digest: str) -> bool:
    """Whether a folder has a package that was made of this input, and is as it was made."""
    try:
        noted = (folder / _STAMP).read_text(encoding="utf-8")
        return noted == f"{digest} {_digest_of_output(folder)}"
    except FileNotFoundError:
        return False


def _digest_of_output(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in (ARCHIVE, TEMPLATE, SBOM):
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()


def _input_files(root: Path) -> Iterator[Path]:
    yield from (root / each for each in _FILES)
    for top in _FOLDERS:
        for folder, below, names in os.walk(root / top):
            below[:] = sorted(set(below) - _NOT_READ)
            yield from (Path(folder, name) for name in sorted(set(names) - _NOT_READ))

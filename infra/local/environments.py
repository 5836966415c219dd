"""Makes the virtual environments: `python3 infra/local/environments.py project aws peers`.

Run by whatever Python the machine has, so it uses the standard library only. An environment is made
anew when its requirements, its Python or this machine's folder changed, or when making it was
interrupted.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAST_PYTHON = (3, 11)
_ENVIRONMENTS = {
    "project": (".venv", ("requirements.txt", "requirements-dev.txt")),
    "aws": (".local/venvs/aws", ("infra/local/requirements-aws.txt",)),
    "peers": (".local/venvs/peers", ("infra/local/requirements-peers.txt",)),
}


def python_of(name: str) -> Path:
    """The interpreter of an environment."""
    return ROOT / _ENVIRONMENTS[name][0] / "bin" / "python"


def ensure(name: str) -> None:
    """Make an environment unless it is there and up to date."""
    folder, requirements = ROOT / _ENVIRONMENTS[name][0], _ENVIRONMENTS[name][1]
    stamp = folder / "made-from"
    fingerprint = _fingerprint(folder, requirements)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint:
        return
    print(f"Making {folder.relative_to(ROOT)} (once; this takes a minute) …", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    _run("a virtual environment", sys.executable, "-m", "venv", str(folder))
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
    files = [argument for each in requirements for argument in ("-r", str(ROOT / each))]
    _run(f"the packages of {' and '.join(requirements)}", *pip, "install", *files)
    stamp.write_text(fingerprint, encoding="utf-8")


def _fingerprint(folder: Path, requirements: tuple[str, ...]) -> str:
    digest = hashlib.sha256(f"{folder} {sys.version}".encode())
    for each in requirements:
        digest.update((ROOT / each).read_bytes())
    return digest.hexdigest()


def _run(what: str, *command: str) -> None:
    try:
        subprocess.run(command, check=True, cwd=ROOT)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"Cannot install {what}; the lines above say why.")


def main() -> None:
    """Make the environments named on the command line."""
    if sys.version_info < LEAST_PYTHON:
        sys.exit(f"Ciborium needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    try:
        for name in sys.argv[1:]:
            ensure(name)
    except OSError as exc:
        sys.exit(f"Cannot write {exc.filename}: {exc.strerror}.")


if __name__ == "__main__":
    main()

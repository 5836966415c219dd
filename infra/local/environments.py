"""Makes the environments that everything runs in: `environments.py project aws peers node …`.

Run by whatever Python the machine has, so it uses the standard library only. An environment is made
anew when its requirements, its Python or this machine's folder changed, or when making it was
interrupted.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAST_PYTHON = (3, 11)
_ENVIRONMENTS = {
    "project": (".venv", ("requirements.txt", "requirements-dev.txt")),
    "aws": (".local/venvs/aws", ("infra/local/requirements-aws.txt",)),
    "peers": (".local/venvs/peers", ("infra/local/requirements-peers.txt",)),
    "gateway": (".local/venvs/gateway", ("infra/local/requirements-gateway.txt",)),
    "lambda": (".local/venvs/lambda", ("infra/local/requirements-lambda.txt",)),
    "supply": (".local/venvs/supply", ("infra/local/requirements-supply.txt",)),
    "checkov": (".local/venvs/checkov", ("infra/local/requirements-checkov.txt",)),
    "bench": (
        ".local/venvs/bench",
        ("requirements.txt", "requirements-dev.txt", "infra/local/requirements-bench.txt"),
    ),
    "node": (".local/node", ("tests/node/package.json", "tests/node/package-lock.json")),
}


def python_of(name: str) -> Path:
    """The interpreter of a Python environment."""
    return ROOT / _ENVIRONMENTS[name][0] / "bin" / "python"


def node_modules() -> Path:
    """The packages of the Node environment; Node itself is among them."""
    return ROOT / _ENVIRONMENTS["node"][0] / "node_modules"


def node_path() -> str:
    """The PATH with which the Node environment's own Node and commands are found first."""
    return f"{node_modules() / '.bin'}{os.pathsep}{os.environ['PATH']}"


def ensure(name: str) -> None:
    """Make an environment unless it is there and up to date.

    Raises:
        SystemExit: a program failed; it has said why.
        OSError: the folder cannot be written.
    """
    folder, requirements = ROOT / _ENVIRONMENTS[name][0], _ENVIRONMENTS[name][1]
    stamp = folder / "made-from"
    fingerprint = _fingerprint(folder, requirements)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint:
        return
    line = f"Making {folder.relative_to(ROOT)} (once; this takes a minute) …\n"
    print(line, end="", flush=True)  # In one piece: others are made at the same time.
    shutil.rmtree(folder, ignore_errors=True)
    (_make_node if name == "node" else _make_python)(folder, requirements)
    stamp.write_text(fingerprint, encoding="utf-8")


def _make_python(folder: Path, requirements: tuple[str, ...]) -> None:
    _run("a virtual environment", sys.executable, "-m", "venv", str(folder))
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
    files = [argument for each in requirements for argument in ("-r", str(ROOT / each))]
    what = f"the packages of {' and '.join(requirements)}"
    # Half of pip's time goes into compiling, mostly what is never imported. Python compiles the
    # rest when it is, and keeps that, unless it may not.
    compiling = "--compile" if sys.dont_write_bytecode else "--no-compile"
    _run(what, *pip, "install", compiling, "--require-hashes", *files)


def _make_node(folder: Path, requirements: tuple[str, ...]) -> None:
    """The conformance suite needs a newer Node than machines have; it is one of the packages."""
    folder.mkdir(parents=True)
    for each in requirements:
        shutil.copy(ROOT / each, folder)
    npm = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder)]
    _run(f"the packages of {requirements[0]} with npm", *npm)


def _fingerprint(folder: Path, requirements: tuple[str, ...]) -> str:
    # Work trees may share one, and lead to it by links; it is made for the folder where it is.
    digest = hashlib.sha256(f"{folder.resolve()} {sys.version}".encode())
    for each in requirements:
        digest.update((ROOT / each).read_bytes())
    return digest.hexdigest()


def _run(what: str, *command: str) -> None:
    try:
        subprocess.run(command, check=True, cwd=ROOT)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"Cannot install {what}; the lines above say why.")


def main() -> None:
    """Make the environments named on the command line, all at once."""
    if sys.version_info < LEAST_PYTHON:
        sys.exit(f"Ciborium needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    try:
        with ThreadPoolExecutor() as threads:
            list(threads.map(ensure, sys.argv[1:]))
    except OSError as exc:
        sys.exit(f"Cannot write {exc.filename}: {exc.strerror}.")


if __name__ == "__main__":
    main()

"""`make lock`: each requirements*.txt from its requirements*.in, everything pinned by its hashes.

What is pinned stays so until it is asked for: `make lock UPGRADE="httpx pydantic"`.
"""

import os
import subprocess
import sys

from infra.local.environments import LEAST_PYTHON, ROOT, python_of

_LOCAL = "infra/local/requirements-"
# Each with the files whose versions it must agree with, since they go into one environment.
_FILES: dict[str, tuple[str, ...]] = {
    "requirements": (),
    "requirements-dev": ("requirements",),
    f"{_LOCAL}bench": ("requirements", "requirements-dev"),
    f"{_LOCAL}aws": (),
    f"{_LOCAL}checkov": (),
    f"{_LOCAL}gateway": (),
    f"{_LOCAL}lambda": (),
    f"{_LOCAL}peers": (),
    f"{_LOCAL}supply": (),
}
_NEEDS_NEWER_PYTHON = {f"{_LOCAL}gateway": "3.12"}
_LEAST = ".".join(map(str, LEAST_PYTHON))


def main() -> None:
    """Write them all."""
    wanted = os.environ.get("UPGRADE", "").split()
    upgrades = [argument for each in wanted for argument in ("--upgrade-package", each)]
    for name, others in _FILES.items():
        constraints = [argument for each in others for argument in ("-c", f"{each}.txt")]
        command = [
            *(str(python_of("supply").with_name("uv")), "pip", "compile", "--quiet"),
            *("--generate-hashes", "--universal", "--no-emit-index-url"),
            *("--annotation-style", "line", "--custom-compile-command", "make lock"),
            *("--python-version", _NEEDS_NEWER_PYTHON.get(name, _LEAST)),
            *(*upgrades, *constraints, f"{name}.in", "--output-file", f"{name}.txt"),
        ]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            sys.exit(f"{name}.in cannot be pinned; the lines above say why.")


if __name__ == "__main__":
    main()

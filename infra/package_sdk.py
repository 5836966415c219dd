"""`make sdk`: the SDK's wheel, in dist.

In this tree the SDK is `chalicelib.sdk`, because the server shares its wire types; its users import
`ciborium`. So its wheel is built from a copy of another name. Nothing is downloaded: the tools that
build it are among requirements-dev.txt.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"


class SDKPackageError(Exception):
    """The wheel cannot be built; the message says why."""


def main() -> None:
    """Build it, and say where it is."""
    try:
        wheel = build(DIST)
    except SDKPackageError as exc:
        sys.exit(f"Cannot package the SDK: {exc}")
    print(f"{wheel.relative_to(ROOT)}: {wheel.stat().st_size / 1000:.0f} kB")
    print(f"Install it with its command: pip install '{wheel.relative_to(ROOT)}[cli]'")


def build(target: Path) -> Path:
    """Make the wheel in a folder; where it is.

    Raises:
        SDKPackageError: it cannot be built.
    """
    with tempfile.TemporaryDirectory() as folder:
        project, built = Path(folder) / "project", Path(folder) / "built"
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "chalicelib" / "sdk", project / "ciborium", ignore=ignore)
        shutil.copy(ROOT / "infra" / "sdk" / "pyproject.toml", project)
        shutil.copy(ROOT / "LICENSE", project)
        shutil.copy(ROOT / "docs" / "sdk.md", project / "README.md")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel"),
                *("--no-index", "--no-deps", "--no-build-isolation", "--no-cache-dir"),
                *("--wheel-dir", str(built), str(project)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        wheels = sorted(built.glob("*.whl")) if built.is_dir() else []
        if done.returncode or len(wheels) != 1:
            raise SDKPackageError(f"pip wheel failed:\n{done.stdout}{done.stderr}")
        target.mkdir(exist_ok=True)
        return Path(shutil.copy(wheels[0], target))


if __name__ == "__main__":
    main()

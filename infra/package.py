"""`make package`: the Lambda's zip and the whole stack's template, in .build.

Chalice builds both; then the zip loses what Lambda never loads, gains compiled bytecode (Lambda's
file system is read-only, and compiling at each cold start costs more than the rest of it), is
imported once in a clean interpreter, and the template goes through cfn-lint.
"""

import importlib.util
import json
import marshal
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from infra.cloudformation import Template
from infra.template import ARCHIVE, additions, complete

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / ".build"
ZIP = BUILD / ARCHIVE
TEMPLATE = BUILD / "template.json"
PYTHON = (3, 13)
_STAGE = "api"
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # So that the same input gives the same bytes.

_NEEDED_SERVICES = frozenset({"apigatewaymanagementapi", "dynamodb", "kms", "sqs", "sts"})
_UNUSED_PACKAGES = frozenset({"pip", "setuptools", "wheel", "pycparser", "bin", "_distutils_hack"})
_UNUSED_FILE = re.compile(r"\.(pyi|h|c|pxd|pyc)$|/py\.typed$|(^|/)__pycache__/")
_KEPT_METADATA = re.compile(r"/(METADATA|entry_points\.txt)$")
# Only the SDK's wire types are the server's; the client and its command are for others.
_CLIENT_ONLY = re.compile(
    r"^chalicelib/sdk/((cli|interchange|methods)/|(client|connection|experimental|paging)\.py)"
)
_IMPORT_EVERYTHING = """
import sys
sys.path.insert(0, {task!r})
from app import app, turns, reaper, follow
import chalicelib, importlib, pkgutil
for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    importlib.import_module(module.name)
"""
_SERVICE_DATA = re.compile(r"^botocore/data/([^/]+)/")


class PackageError(Exception):
    """The package cannot be built; the message says why."""


def main() -> None:
    """Build, and say how large it is."""
    try:
        build()
    except PackageError as exc:
        sys.exit(f"Cannot package: {exc}")
    size = ZIP.stat().st_size / 1e6
    with zipfile.ZipFile(ZIP) as archive:
        unzipped = sum(each.file_size for each in archive.infolist()) / 1e6
    print(f"{ZIP.relative_to(ROOT)}: {size:.1f} MB ({unzipped:.1f} MB unzipped)")
    print(f"{TEMPLATE.relative_to(ROOT)}")


def build() -> None:
    """Make `.build/ciborium.zip` and `.build/template.json`.

    Raises:
        PackageError: a step failed.
    """
    if sys.version_info[:2] != PYTHON:
        raise PackageError(
            "the Lambda runs Python 3.13 and Chalice builds for the Python that it runs in. "
            "Install Python 3.13, then `make clean package`."
        )
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        built = _run_chalice(Path(folder))
        _write_zip(built / "deployment.zip", ZIP)
        template: Template = json.loads((built / "sam.json").read_text(encoding="utf-8"))
    complete(template, os.environ.get("ARCHITECTURE", "x86_64"))
    TEMPLATE.write_text(json.dumps(template, indent=1, sort_keys=True), encoding="utf-8")
    smoke_test(ZIP)
    _lint(TEMPLATE)


def smoke_test(archive: Path) -> None:
    """Import everything in a clean interpreter that has nothing but the zip and Python itself.

    The app alone would not do: what only turns need is imported with the first of them.

    Raises:
        PackageError: the import failed, as it would in Lambda.
    """
    with tempfile.TemporaryDirectory() as task:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(task)
        # -I and -S: neither the environment nor site-packages lend it anything.
        script = _IMPORT_EVERYTHING.format(task=task)
        environment = {"AWS_CHALICE_CLI_MODE": "true", "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", script],
            cwd=task,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise PackageError(f"the packaged app does not import:\n{done.stderr}")


def _run_chalice(folder: Path) -> Path:
    """Chalice's own package of a clean copy: it would take whatever lies in the work tree."""
    project, merged, out = folder / "project", folder / "merge.json", folder / "out"
    ignore = shutil.ignore_patterns("__pycache__", "deployments", ".env")
    for each in ("chalicelib", ".chalice"):
        shutil.copytree(ROOT / each, project / each, ignore=ignore)
    for each in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / each, project / each)
    merged.write_text(json.dumps(additions()), encoding="utf-8")
    command = [
        *(sys.executable, "-c", "from chalice.cli import main; main()"),
        *("package", "--stage", _STAGE, "--merge-template", str(merged), str(out)),
    ]
    # Chalice wants a region even where the template names none.
    environment = {"AWS_DEFAULT_REGION": "us-east-1", **os.environ}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode or not (out / "deployment.zip").is_file():
        raise PackageError(f"chalice package failed:\n{done.stdout}{done.stderr}")
    return out


def _write_zip(source: Path, target: Path) -> None:
    with (
        zipfile.ZipFile(source) as before,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as after,
    ):
        for name in sorted(before.namelist()):
            if name.endswith("/") or not _is_needed(name):
                continue
            content = before.read(name)
            _add(after, name, content)
            if name.endswith(".py"):
                _add(after, *_compile(name, content))


def _is_needed(name: str) -> bool:
    top = name.partition("/")[0]
    if top in _UNUSED_PACKAGES or _UNUSED_FILE.search(name) or _CLIENT_ONLY.match(name):
        return False
    if ".dist-info/" in name:
        return bool(_KEPT_METADATA.search(name))
    service = _SERVICE_DATA.match(name)
    return service is None or service.group(1) in _NEEDED_SERVICES


def _compile(name: str, content: bytes) -> tuple[str, bytes]:
    """A source's bytecode, which Python shall not compare with it (PEP 552, unchecked hash)."""
    code = compile(content, f"/var/task/{name}", "exec", dont_inherit=True, optimize=0)
    folder, _, file = name.rpartition("/")
    tag = sys.implementation.cache_tag
    target = f"{folder}/__pycache__/{file[:-3]}.{tag}.pyc".lstrip("/")
    flags = (0b01).to_bytes(4, "little")  # Hash-based, unchecked.
    header = importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(content)
    return target, header + marshal.dumps(code)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _FIXED_TIME)
    entry.external_attr = (0o755 if ".so" in name else 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def _lint(template: Path) -> None:
    linter = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run([linter, template], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(f"cfn-lint refuses the template:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()

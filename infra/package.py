"""`make package`: the Lambda's zip and the whole stack's template, in .build.

Chalice builds both of the app; then the zip gains the distributions that requirements.txt pins by
their hashes, loses what Lambda never loads, gains compiled bytecode (Lambda's file system is
read-only, and compiling at each cold start costs more than the rest of it), is imported once in a
clean interpreter, and the template goes through cfn-lint. Beside them is the bill of materials.
`ARCHITECTURE=arm64` builds for Graviton.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from infra.archive import write_archive
from infra.cloudformation import Template
from infra.distributions import DistributionsError, install
from infra.local.environments import ensure
from infra.made_from import digest_of_input, is_current, mark
from infra.materials import MaterialsError, list_materials, write_sbom
from infra.releases import SBOM
from infra.template import ARCHITECTURES, ARCHIVE, additions, complete

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / ".build"
ZIP = BUILD / ARCHIVE
TEMPLATE = BUILD / "template.json"
PYTHON = (3, 13)
STAGE = "api"
_IMPORT_EVERYTHING = """
import sys
sys.path.insert(0, {task!r})
from app import app, turns, reaper, follow
import ast, chalicelib, importlib, pathlib, pkgutil
for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    importlib.import_module(module.name)
for source in pathlib.Path({task!r}, "chalicelib").rglob("*.py"):
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.ImportFrom) and not node.level:
            importlib.import_module(node.module)
        for each in node.names if isinstance(node, ast.Import) else ():
            importlib.import_module(each.name)
"""


class PackageError(Exception):
    """The package cannot be built; the message says why."""


def main() -> None:
    """Build, and say how large it is."""
    try:
        build(os.environ.get("ARCHITECTURE", ARCHITECTURES[0]))
    except PackageError as exc:
        sys.exit(f"Cannot package: {exc}")
    size = ZIP.stat().st_size / 1e6
    with zipfile.ZipFile(ZIP) as archive:
        unzipped = sum(each.file_size for each in archive.infolist()) / 1e6
    print(f"{ZIP.relative_to(ROOT)}: {size:.1f} MB ({unzipped:.1f} MB unzipped)")
    print(f"{TEMPLATE.relative_to(ROOT)}, {SBOM}")


def build(architecture: str = ARCHITECTURES[0], folder: Path = BUILD) -> None:
    """Make the zip and the template in a folder, which is emptied before.

    Raises:
        PackageError: a step failed.
    """
    if sys.version_info[:2] != PYTHON:
        raise PackageError(
            "the Lambda runs Python 3.13 and Chalice builds for the Python that it runs in. "
            "Install Python 3.13, then `make clean package`."
        )
    if architecture not in ARCHITECTURES:
        raise PackageError(f"ARCHITECTURE must be one of {', '.join(ARCHITECTURES)}.")
    made_from = digest_of_input(architecture)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archive, template_file = folder / ZIP.name, folder / TEMPLATE.name
    ensure("supply")
    template = build_archive(ROOT, archive, architecture, sbom=folder / SBOM)
    template_file.write_text(json.dumps(template, indent=1, sort_keys=True), encoding="utf-8")
    if architecture == ARCHITECTURES[0]:  # This machine cannot load what is for another.
        smoke_test(archive)
    _lint(template_file)
    mark(folder, made_from)


def build_unless_current(folder: Path = BUILD) -> None:
    """The same, unless the folder has what would be made.

    Raises:
        PackageError: a step failed.
    """
    if not is_current(folder, digest_of_input(ARCHITECTURES[0])):
        build(folder=folder)


def build_archive(
    source: Path,
    target: Path,
    architecture: str = ARCHITECTURES[0],
    sbom: Path | None = None,
) -> Template:
    """Make the zip of a work tree, and return the template that goes with it.

    Args:
        source: the work tree.
        target: the zip.
        architecture: what it shall run on.
        sbom: where to write what it is made of, if anywhere.

    Raises:
        PackageError: a distribution is not the pinned one or has a licence that is not allowed, or
            Chalice failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = copy_project(source, folder / "project")
        # Chalice would only pack them, for us to unpack them again.
        vendor = folder / "vendor"
        (project / "requirements.txt").write_text("", encoding="utf-8")
        try:
            hashes = install(source / "requirements.txt", vendor, architecture)
            materials = list_materials(vendor, hashes)
            if sbom:
                write_sbom(materials, sbom)
        except (DistributionsError, MaterialsError) as exc:
            raise PackageError(str(exc)) from exc
        built = run_chalice(project, folder / "out", additions())
        write_archive(built / "deployment.zip", target, folder / "task", vendor)
        template: Template = json.loads((built / "sam.json").read_text(encoding="utf-8"))
    complete(template, architecture)
    return template


def smoke_test(archive: Path) -> None:
    """Import everything in a clean interpreter that has nothing but the zip and Python itself.

    The app alone would not do: much is imported by a function, when it is first needed.

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


def copy_project(source: Path, project: Path) -> Path:
    """A clean copy for Chalice: it would take whatever lies in the work tree."""
    ignore = shutil.ignore_patterns("__pycache__", "deployments", "venv", ".env")
    for each in ("chalicelib", ".chalice"):
        shutil.copytree(source / each, project / each, ignore=ignore)
    for each in ("app.py", "requirements.txt"):
        shutil.copy(source / each, project)
    return project


def run_chalice(project: Path, out: Path, merged: Template) -> Path:
    """Have Chalice package a project, with our template merged into its own.

    Raises:
        PackageError: it failed.
    """
    merge_file = project.parent / "merge.json"
    merge_file.write_text(json.dumps(merged), encoding="utf-8")
    command = [
        *(sys.executable, "-c", "from chalice.cli import main; main()"),
        *("package", "--stage", STAGE, "--merge-template", str(merge_file), str(out)),
    ]
    # Chalice wants a region even where the template names none.
    environment = {"AWS_DEFAULT_REGION": "us-east-1", **os.environ}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode or not (out / "deployment.zip").is_file():
        raise PackageError(f"chalice package failed:\n{done.stdout}{done.stderr}")
    return out


def _lint(template: Path) -> None:
    linter = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run([linter, template], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(f"cfn-lint refuses the template:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()

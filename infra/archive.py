"""From what Chalice packages to the zip that ships: without what Lambda never loads, compiled."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

from infra import service_data

_COMPILER = Path(__file__).with_name("bytecode.py")
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # So that the same input gives the same bytes.

_UNUSED_PACKAGES = frozenset({"pip", "setuptools", "wheel", "pycparser", "bin", "_distutils_hack"})
_UNUSED_FILE = re.compile(r"\.(pyi|h|c|pxd|pyc)$|/py\.typed$|(^|/)__pycache__/")
_KEPT_METADATA = re.compile(r"/(METADATA|entry_points\.txt)$")
# Only the SDK's wire types are the server's; the client and its command are for others.
_CLIENT_ONLY = re.compile(
    r"^chalicelib/sdk/((cli|interchange|methods)/|(client|connection|experimental|paging)\.py)"
)


def write_archive(source: Path, target: Path, folder: Path, vendor: Path | None = None) -> None:
    """Make the zip that ships of the one that Chalice made.

    Args:
        source: Chalice's zip.
        target: where the other shall be.
        folder: where to unpack it; it may not be there yet.
        vendor: a folder with distributions to ship as well; what is needed is moved out of it.
    """
    with zipfile.ZipFile(source) as before:
        for name in before.namelist():
            if not name.endswith("/") and _is_needed(name):
                before.extract(name, folder)
    if vendor:
        _move_needed(vendor, folder)
    service_data.shorten(folder)
    compile_modules(folder)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as after:
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
        for name in sorted(files):
            if files[name].is_file():
                _add(after, name, files[name].read_bytes())


def compile_modules(folder: Path) -> None:
    """Compile all modules of a folder, the same way whatever runs here.

    Raises:
        subprocess.CalledProcessError: a module does not compile.
    """
    # Neither the site-packages nor the environment of this process has a say.
    subprocess.run(
        [sys.executable, "-s", "-S", "-B", "-W", "ignore", _COMPILER, folder],
        env={"PYTHONHASHSEED": "0"},
        check=True,
    )


def _move_needed(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):  # All of them, before any is moved.
        name = path.relative_to(source).as_posix()
        if path.is_file() and _is_needed(name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            path.rename(target / name)


def _is_needed(name: str) -> bool:
    top = name.partition("/")[0]
    if top in _UNUSED_PACKAGES or _UNUSED_FILE.search(name) or _CLIENT_ONLY.match(name):
        return False
    if ".dist-info/" in name:
        return bool(_KEPT_METADATA.search(name))
    return service_data.is_needed(name)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _FIXED_TIME)
    entry.external_attr = (0o755 if ".so" in name else 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)

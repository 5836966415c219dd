"""What `make package` builds: the same bytes of the same input, for either architecture."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra import package
from infra.distributions import DistributionsError, install
from infra.template import functions

pytestmark = [
    pytest.mark.skipif(
        sys.version_info[:2] != package.PYTHON,
        reason="Chalice packages for the Python that it runs in, and the Lambda's is 3.13",
    ),
    pytest.mark.timeout(600),  # A busy machine takes a minute or two for each package.
]
ELSEWHERE = """
import os, sys
from pathlib import Path
os.umask(0o077)
from infra import package
folder = Path(sys.argv[1])
package.build_archive(folder, folder / "other.zip", sbom=folder / "other.json")
"""
# The machine in an ELF file's header (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html).
MACHINES = {62: "x86_64", 183: "arm64"}


def test_another_folder_process_umask_and_time_make_the_same_bytes(
    built: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "elsewhere"
    for each in ("chalicelib", ".chalice"):
        shutil.copytree(
            package.ROOT / each, tree / each, ignore=shutil.ignore_patterns("__pycache__")
        )
    for each in ("app.py", "requirements.txt"):
        shutil.copy(package.ROOT / each, tree)
    for path in tree.rglob("*"):
        os.utime(path, (946_684_800, 946_684_800))
    subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tree)],
        cwd=package.ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
        check=True,
    )
    for mine, other in (("ciborium.zip", "other.zip"), ("ciborium.cdx.json", "other.json")):
        assert digest_of(tree / other) == digest_of(built / mine)


def test_the_bill_of_materials_names_what_ships_and_nothing_else(built: Path) -> None:
    document = json.loads((built / "ciborium.cdx.json").read_text(encoding="utf-8"))
    listed = {each["name"]: each for each in document["components"]}
    pinned = (package.ROOT / "requirements.txt").read_text(encoding="utf-8")
    names = set(re.findall(r"^([a-z0-9-]+)==", pinned, re.MULTILINE))
    assert {each.lower().replace("_", "-") for each in listed} == names | {"chalice"}
    for name, each in listed.items():
        if name != "chalice":  # Which Chalice copies from where it is installed.
            assert each["hashes"][0]["content"] in pinned
        assert each["licenses"]
    assert "timestamp" not in document["metadata"]
    with zipfile.ZipFile(built / "ciborium.zip") as archive:
        shipped = {
            name.split("-")[0]
            for name in archive.namelist()
            if name.endswith(".dist-info/METADATA")
        }
    assert {each.lower() for each in shipped} <= {each.lower().replace("-", "_") for each in listed}


def test_for_graviton_every_compiled_module_and_every_function_is_of_arm64(
    built: Path, tmp_path: Path
) -> None:
    package.build("arm64", tmp_path / "arm64")
    assert machines_in(built / "ciborium.zip") == {"x86_64"}
    assert machines_in(tmp_path / "arm64" / "ciborium.zip") == {"arm64"}
    template = json.loads((tmp_path / "arm64" / "template.json").read_text(encoding="utf-8"))
    assert [each["Architectures"] for each in functions(template)] == [["arm64"]] * 4


def test_lambda_has_no_other_architectures() -> None:
    with pytest.raises(package.PackageError, match="x86_64, arm64"):
        package.build("riscv64")


def test_a_distribution_that_is_not_the_pinned_one_is_not_packaged(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}", encoding="utf-8")
    with pytest.raises(DistributionsError, match=r"(?i)hash"):
        install(requirements, tmp_path / "vendor")
    requirements.write_text("six==1.17.0", encoding="utf-8")
    with pytest.raises(DistributionsError, match=r"(?i)hash"):
        install(requirements, tmp_path / "vendor")


def machines_in(archive: Path) -> set[str]:
    """Which machines the compiled modules of a zip are for."""
    with zipfile.ZipFile(archive) as opened:
        headers = [opened.read(each)[:20] for each in opened.namelist() if ".so" in each]
    assert headers
    return {MACHINES[int.from_bytes(each[18:20], "little")] for each in headers}


def digest_of(file: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()

"""What a package is made of: distributions with versions, licences and hashes."""

import json
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from chalicelib.version import VERSION
from infra.licences import licence_of, list_refused
from infra.local.environments import ROOT, python_of

_WRITER = ROOT / "infra" / "sbom.py"
_OUR_LICENCE = "Apache-2.0"


class MaterialsError(Exception):
    """Something may not ship, or cannot be described; the message says what."""


@dataclass(frozen=True)
class Material:
    """One distribution that ships.

    Attributes:
        licence: as an SPDX expression.
        sha256: of the wheel that it was installed from; empty for Chalice, whose runtime Chalice
            copies from where it is installed.
    """

    name: str
    version: str
    licence: str
    sha256: str = ""


def list_materials(vendor: Path, hashes: dict[str, str]) -> list[Material]:
    """The distributions in a folder, and Chalice's runtime.

    Args:
        vendor: where they were installed.
        hashes: the SHA-256 of each wheel, by the distribution's name.

    Raises:
        MaterialsError: one has a licence that is not allowed.
    """
    found = [_describe(each, hashes) for each in distributions(path=[str(vendor)])]
    found.append(_describe(distribution("chalice"), {}))
    materials = sorted(found, key=lambda each: each.name.lower())
    refused = list_refused((each.name, each.licence) for each in materials)
    if refused:
        raise MaterialsError(
            f"these licences are not in infra/licences.py: {'; '.join(refused)}. "
            "Read them before you add them."
        )
    return materials


def write_sbom(materials: list[Material], target: Path) -> None:
    """Write the bill of materials, in CycloneDX's JSON.

    Raises:
        MaterialsError: it would not be valid.
    """
    application = {"name": "ciborium", "version": VERSION, "licence": _OUR_LICENCE}
    described = {
        "application": application,
        "distributions": [asdict(each) for each in materials],
    }
    done = subprocess.run(
        [python_of("supply"), _WRITER],
        input=json.dumps(described, sort_keys=True),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MaterialsError(f"the bill of materials cannot be written:\n{done.stderr}")
    target.write_text(done.stdout, encoding="utf-8")


def _describe(found: Distribution, hashes: dict[str, str]) -> Material:
    return Material(found.name, found.version, licence_of(found), hashes.get(found.name, ""))

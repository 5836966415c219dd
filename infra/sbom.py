"""Writes the bill of materials of what ships, in CycloneDX, of a description on standard input.

Runs in the `supply` environment, which has the library. The same description gives the same bytes:
no time is in it, and its serial number is made of its content
(https://cyclonedx.org/docs/1.6/json/).
"""

import json
import sys
import uuid
from typing import Any

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def main() -> None:
    """From standard input to standard output."""
    text = sys.stdin.read()
    described = json.loads(text)
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, text))
    bom.metadata.component = _component(described["application"], ComponentType.APPLICATION)
    parts = [_component(each, ComponentType.LIBRARY) for each in described["distributions"]]
    bom.components.update(parts)
    bom.register_dependency(bom.metadata.component, parts)
    written = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1)
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written)
    if problem:
        sys.exit(f"The bill of materials is not CycloneDX: {problem}")
    document = json.loads(written)
    del document["metadata"]["timestamp"]  # The library insists on one, the format does not.
    json.dump(document, sys.stdout, indent=1, sort_keys=True)


def _component(described: dict[str, Any], kind: ComponentType) -> Component:
    is_library = kind is ComponentType.LIBRARY
    purl = PackageURL("pypi", None, described["name"].lower(), described["version"])
    sha256 = described.get("sha256")
    return Component(
        name=described["name"],
        version=described["version"],
        type=kind,
        bom_ref=purl.to_string() if is_library else described["name"],
        purl=purl if is_library else None,
        licenses=[LicenseFactory().make_from_string(described["licence"])],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else [],
    )


if __name__ == "__main__":
    main()

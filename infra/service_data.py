"""What ships of botocore's data: the services that are called, without what only people read.

botocore reads an endpoint list of all of AWS and the models of its services, documentation
included, whenever a process makes its first client: a cold start waits for that.
"""

import gzip
import json
import re
from pathlib import Path
from typing import Any

SERVICES = frozenset({"apigatewaymanagementapi", "dynamodb", "kms", "sqs", "sts"})
# Under which the endpoint list has them: API Gateway's management API is where APIs are executed.
_ENDPOINTS = (SERVICES - {"apigatewaymanagementapi"}) | {"execute-api"}
_OF_SERVICE = re.compile(r"botocore/data/([^/]+)/")


def is_needed(name: str) -> bool:
    """Whether a file of a package, unless it is the data of another service."""
    service = _OF_SERVICE.match(name)
    return service is None or service.group(1) in SERVICES


def shorten(folder: Path) -> None:
    """Rewrite the data below a folder that has `botocore/data`, if it has."""
    data = folder / "botocore" / "data"
    endpoints = data / "endpoints.json"
    if endpoints.is_file():
        _write(endpoints, _shorten_endpoints(json.loads(endpoints.read_bytes())))
    for model in sorted(data.glob("*/*/service-2.json.gz")):
        # The zip compresses it anyway; botocore looks for either.
        _write(
            model.with_suffix(""), _undocumented(json.loads(gzip.decompress(model.read_bytes())))
        )
        model.unlink()


def _shorten_endpoints(found: dict[str, Any]) -> dict[str, Any]:
    for partition in found["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name in _ENDPOINTS}
    return found


def _undocumented(node: Any) -> Any:
    """A part of a model without its texts; a member that is called so is no text, and stays."""
    if isinstance(node, dict):
        return {
            name: _undocumented(value)
            for name, value in node.items()
            if not (name == "documentation" and isinstance(value, str))
        }
    return [_undocumented(each) for each in node] if isinstance(node, list) else node


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")

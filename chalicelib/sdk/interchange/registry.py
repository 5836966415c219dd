"""The MCP registry's `server.json` (modelcontextprotocol.io, schema of 2025-12-11)."""

from collections.abc import Mapping
from typing import Any

from ..mcp_servers import Transport
from .client_files import note_on_url
from .models import RemoteServer, SkipServer
from .placeholders import Filler

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
TYPES = {"streamable-http": Transport.STREAMABLE_HTTP, "sse": Transport.SSE}


def read_server_json(document: Any, filler: Filler) -> RemoteServer:
    """One `server.json`; of several remotes the first over Streamable HTTP.

    Raises:
        SkipServer: it has no remote that we understand.
    """
    remotes = _objects(document.get("remotes"))
    known = [each for each in remotes if each.get("type") in TYPES and each.get("url")]
    if not known:
        raise SkipServer(_describe_packages(_objects(document.get("packages"))))
    known.sort(key=lambda each: each["type"] != "streamable-http")
    remote = known[0]
    name = str(document.get("name") or "")
    headers, notes = _read_headers(_objects(remote.get("headers")), filler)
    if len(remotes) > 1:
        notes += (f"of its {len(remotes)} remotes, this is {remote['type']}",)
    url = filler.fill_registry(str(remote["url"]), _defaults(remote.get("variables")))
    notes += note_on_url(str(remote["url"]), url)
    return RemoteServer(
        name=name,
        display_name=str(document.get("title") or name.rpartition("/")[2]),
        transport=TYPES[remote["type"]],
        url=url,
        headers=headers,
        description=str(document.get("description") or ""),
        notes=notes,
    )


def _read_headers(
    declared: list[dict[str, Any]], filler: Filler
) -> tuple[dict[str, str], tuple[str, ...]]:
    headers: dict[str, str] = {}
    left_out = []
    for each in declared:
        name = str(each.get("name") or "")
        value = _find_value(name, each, filler)
        if value is not None:
            headers[name] = value
        elif each.get("isRequired") is True:
            headers[name] = filler.require(name)
        else:
            left_out.append(name)
    notes = (f"without the optional headers {', '.join(left_out)}",) if left_out else ()
    return headers, notes


def _find_value(name: str, declared: Mapping[str, Any], filler: Filler) -> str | None:
    """A header's value: its template, else what was given for it, else its default."""
    if isinstance(declared.get("value"), str):
        return filler.fill_registry(declared["value"], _defaults(declared.get("variables")))
    given, default = filler.find(name), declared.get("default")
    return given if given is not None else default if isinstance(default, str) else None


def _defaults(variables: Any) -> dict[str, str]:
    if not isinstance(variables, dict):
        return {}
    return {
        name: str(each["default"])
        for name, each in variables.items()
        if isinstance(each, dict) and each.get("default") is not None
    }


def _describe_packages(packages: list[dict[str, Any]]) -> str:
    kinds = sorted({str(each.get("registryType") or "package") for each in packages})
    if not kinds:
        return "it has no remote over Streamable HTTP or SSE"
    return (
        f"it is a program for the user's own machine ({', '.join(kinds)}), and Ciborium reaches "
        "remote servers only"
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []

"""From a file to requests that create its servers."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import SecretStr, ValidationError

from ..mcp_servers import AuthType, Availability
from ..requests.mcp_servers import CreateMCPServerConfigRequest
from .client_files import read_entry
from .jsonc import parse_json_with_comments
from .models import (
    Import,
    ImportedServer,
    InterchangeError,
    RemoteServer,
    SkippedServer,
    SkipServer,
)
from .placeholders import Filler
from .registry import read_server_json

_MOST_BYTES = 4 * 1024 * 1024
_FORMS = (
    'It is none of the forms that are understood: {"mcpServers": {…}}, {"servers": {…}} of '
    "VS Code, or a server.json of the MCP registry."
)
Reader = Callable[[Filler], RemoteServer]


def read_servers(
    text: str,
    *,
    values: Mapping[str, str] | None = None,
    auth_type: AuthType = AuthType.OAUTH2,
    availability: Availability = Availability.DEFAULT_OFF,
    enabled: bool = False,
) -> Import:
    """Every server of a file, as a request that creates it or with the reason why there is none.

    Args:
        text: the file's.
        values: of placeholders, by their names, for instance `input:token` or just `token`.
        auth_type: of servers without headers; with headers it is `custom_headers`.
        availability: of all servers.
        enabled: whether the servers are in use at once; those that the file disables are not.

    Raises:
        InterchangeError: it is not JSON, or of no form that is understood.
    """
    if len(text.encode("utf-8", "replace")) > _MOST_BYTES:
        raise InterchangeError("It is larger than 4 MiB.")
    servers: list[ImportedServer] = []
    skipped: list[SkippedServer] = []
    for name, reader in _find_entries(parse_json_with_comments(text)):
        filler = Filler(values or {})
        try:
            remote = reader(filler)
            _require_all(filler)
            request = _to_request(remote, auth_type, availability, enabled=enabled)
        except SkipServer as exc:
            skipped.append(SkippedServer(name, exc.reason, exc.missing))
        else:
            servers.append(ImportedServer(name, request, remote.notes))
    return Import(tuple(servers), tuple(skipped))


def slug_of(name: str) -> str | None:
    """A slug made from a name, or None if nothing of it can be in one."""
    return re.sub("[^a-z0-9]+", "-", name.lower())[:64].strip("-") or None


def _require_all(filler: Filler) -> None:
    if filler.missing:
        raise SkipServer("it has placeholders without a value", filler.missing)


def _find_entries(document: Any) -> Iterator[tuple[str, Reader]]:
    if not isinstance(document, dict):
        raise InterchangeError(_FORMS)
    named = document.get("mcpServers", _servers_of_vscode(document))
    if isinstance(named, dict):
        for name, entry in named.items():
            yield name, _entry_reader(name, entry)
        return
    listed = named if isinstance(named, list) else [document]
    for each in listed:
        # The registry's API wraps each server.json.
        inner = each.get("server", each) if isinstance(each, dict) else None
        if not isinstance(inner, dict) or not ("remotes" in inner or "packages" in inner):
            raise InterchangeError(_FORMS)
        yield str(inner.get("name") or ""), _registry_reader(inner)


def _servers_of_vscode(document: Mapping[str, Any]) -> Any:
    """Of a `mcp.json`, or of the settings, where they are below `mcp`."""
    settings = document.get("mcp")
    return settings.get("servers") if isinstance(settings, dict) else document.get("servers")


def _entry_reader(name: str, entry: Any) -> Reader:
    return lambda filler: read_entry(name, entry, filler)


def _registry_reader(document: Mapping[str, Any]) -> Reader:
    return lambda filler: read_server_json(document, filler)


def _to_request(
    remote: RemoteServer, auth_type: AuthType, availability: Availability, *, enabled: bool
) -> CreateMCPServerConfigRequest:
    fields: dict[str, Any] = {
        "display_name": remote.display_name[:128],
        "transport": remote.transport,
        "url": remote.url,
        "auth_type": AuthType.CUSTOM_HEADERS if remote.headers else auth_type,
        "availability": availability,
        "enabled": enabled and not remote.disabled,
    }
    slug = slug_of(remote.name.rpartition("/")[2])
    if slug:
        fields["slug"] = slug
    if remote.description:
        fields["description"] = remote.description[:2048]
    if remote.headers:
        fields["custom_headers"] = {
            name: SecretStr(value) for name, value in remote.headers.items()
        }
    try:
        return CreateMCPServerConfigRequest(**fields)
    except ValidationError as exc:
        problems = exc.errors(include_url=False, include_context=False, include_input=False)
        texts = (
            f"{'.'.join(map(str, each['loc']))} {each['msg'].removeprefix('Value error, ')}"
            for each in problems
        )
        reason = "; ".join(texts)
    raise SkipServer(reason)

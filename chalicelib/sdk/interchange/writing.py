"""From servers to a file of another program; never with a secret in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from ..mcp_servers import AuthType, MCPServerConfig
from .models import SkippedServer
from .registry import SCHEMA, TYPES


class Form(StrEnum):
    """Whose file it is: Claude's and Cursor's `mcp.json`, VS Code's, or the registry's."""

    MCP = "mcp"
    VSCODE = "vscode"
    REGISTRY = "registry"


@dataclass(frozen=True, slots=True)
class Export:
    """A file's content.

    Attributes:
        document: what to write as JSON.
        skipped: the servers that are not in it.
        notes: what of each is not in it, by its slug.
    """

    document: dict[str, Any]
    skipped: tuple[SkippedServer, ...]
    notes: tuple[tuple[str, str], ...]


def write_servers(servers: Sequence[MCPServerConfig], form: Form) -> Export:
    """Servers in another program's form; a placeholder stands where a secret would."""
    known = [server for server in servers if server.url]
    skipped = tuple(
        SkippedServer(server.slug, "its URL is shown to owners only")
        for server in servers
        if not server.url
    )
    notes = tuple((server.slug, note) for server in known for note in _find_left_out(server))
    writer = {Form.MCP: _mcp, Form.VSCODE: _vscode, Form.REGISTRY: _registry}[form]
    return Export(writer(known), skipped, notes)


def _find_left_out(server: MCPServerConfig) -> list[str]:
    notes = []
    if server.auth_type is AuthType.CUSTOM_HEADERS:
        notes.append("its custom headers are secret, names and all; add them by hand")
    if urlsplit(server.url).query:
        notes.append("its URL's query may hold a key and is left out; add it by hand")
    return notes


def _public_url(server: MCPServerConfig) -> str:
    """A server's URL as far as it is no secret."""
    return urlsplit(server.url)._replace(query="").geturl()


def _mcp(servers: Sequence[MCPServerConfig]) -> dict[str, Any]:
    def placeholder(server: MCPServerConfig) -> str:
        name = re.sub("[^A-Z0-9]", "_", server.slug.upper())
        return f"${{{name}_API_KEY}}"

    return {"mcpServers": {server.slug: _entry(server, placeholder(server)) for server in servers}}


def _vscode(servers: Sequence[MCPServerConfig]) -> dict[str, Any]:
    inputs = [
        {
            "type": "promptString",
            "id": f"{server.slug}-api-key",
            "description": f"API key for {server.display_name}",
            "password": True,
        }
        for server in servers
        if server.api_key_header
    ]
    entries = {
        server.slug: _entry(server, f"${{input:{server.slug}-api-key}}") for server in servers
    }
    return {"servers": entries, "inputs": inputs} if inputs else {"servers": entries}


def _entry(server: MCPServerConfig, placeholder: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "sse" if server.transport == "sse" else "http"}
    entry["url"] = _public_url(server)
    if server.api_key_header:
        entry["headers"] = {server.api_key_header: placeholder}
    return entry


def _registry(servers: Sequence[MCPServerConfig]) -> dict[str, Any]:
    """One `server.json`, or for several the form in which the registry lists them."""
    documents = [_server_json(server) for server in servers]
    if len(documents) == 1:
        return documents[0]
    return {"servers": [{"server": document} for document in documents]}


def _server_json(server: MCPServerConfig) -> dict[str, Any]:
    types = {transport.value: name for name, transport in TYPES.items()}
    remote: dict[str, Any] = {"type": types[server.transport], "url": _public_url(server)}
    if server.api_key_header:
        remote["headers"] = [{"name": server.api_key_header, "isRequired": True, "isSecret": True}]
    host = re.sub("[^a-z0-9.-]", "-", urlsplit(server.url).hostname or "localhost")
    return {
        "$schema": SCHEMA,
        "name": f"{'.'.join(reversed(host.split('.')))}/{server.slug}",
        "title": server.display_name[:100],
        "description": (server.description or server.display_name)[:100],
        "version": "1.0.0",  # The registry wants one, and we keep none.
        "remotes": [remote],
    }

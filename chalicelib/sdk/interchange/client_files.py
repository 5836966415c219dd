"""`mcp.json` and its relatives: one entry of the object that names a client's servers.

Claude Code, Claude Desktop, Cursor and others write `{"mcpServers": {name: entry}}`, VS Code writes
`{"servers": {name: entry}}`. An entry with a `command` is a program for the user's own machine.
Only `mcp-remote`, which makes a remote server look like one, is understood as what it stands for.
"""

import itertools
import re
from collections.abc import Mapping
from typing import Any

from ..mcp_servers import Transport
from .models import RemoteServer, SkipServer
from .placeholders import Filler

_TYPES = {
    "http": Transport.STREAMABLE_HTTP,
    "streamablehttp": Transport.STREAMABLE_HTTP,
    "sse": Transport.SSE,
}
_URL_MEMBERS = ("url", "serverUrl", "httpUrl")
_UNDERSTOOD = frozenset(
    (*_URL_MEMBERS, "type", "transport", "headers", "disabled", "enabled", "description")
)
_UNDERSTOOD_OF_PROGRAMS = frozenset({"type", "command", "args", "env", "disabled", "description"})
_MCP_REMOTE = re.compile(r"mcp-remote(@[\w.-]+)?")
_LOCAL = (
    "it is a program for the user's own machine (stdio), and Ciborium reaches remote servers only; "
    "look for a remote version of it"
)


def read_entry(name: str, entry: Any, filler: Filler) -> RemoteServer:
    """One entry.

    Raises:
        SkipServer: it is no remote server, or not understood.
    """
    if not isinstance(entry, dict):
        raise SkipServer("its entry is not an object")
    if "command" in entry:
        return _read_program(name, entry, filler)
    transport = _find_transport(entry)
    url = next((entry[each] for each in _URL_MEMBERS if entry.get(each)), None)
    if not isinstance(url, str):
        raise SkipServer("it has neither a url nor a command")
    notes = _notes(entry, _UNDERSTOOD) + note_on_url(url, filler.fill(url))
    url = filler.fill(url)
    if transport is None:
        transport, note = _guess_transport(url)
        notes += note
    return RemoteServer(
        name=name,
        display_name=name,
        transport=transport,
        url=url,
        headers=_read_headers(entry.get("headers") or {}, filler),
        description=_text(entry.get("description")),
        disabled=entry.get("disabled") is True or entry.get("enabled") is False,
        notes=notes,
    )


def note_on_url(template: str, url: str) -> tuple[str, ...]:
    """What to say of a URL that a value was filled into: URLs are no secrets."""
    filled = url != template
    return ("its URL holds a value that was filled in; it is not kept secret",) if filled else ()


def _find_transport(entry: Mapping[str, Any]) -> Transport | None:
    told = entry.get("type") or entry.get("transport")
    if told is None:
        return Transport.STREAMABLE_HTTP if entry.get("httpUrl") else None
    kind = re.sub("[-_]", "", str(told)).lower()
    if kind == "stdio":
        raise SkipServer(_LOCAL)
    if kind not in _TYPES:
        raise SkipServer("its type is neither http nor sse")
    return _TYPES[kind]


def _guess_transport(url: str) -> tuple[Transport, tuple[str, ...]]:
    path = url.partition("?")[0].partition("#")[0]
    if path.rstrip("/").endswith("/sse"):
        return Transport.SSE, ("no type is given; HTTP+SSE is guessed from the URL",)
    return Transport.STREAMABLE_HTTP, ()


def _read_headers(headers: Any, filler: Filler) -> dict[str, str]:
    if not isinstance(headers, dict) or not all(
        isinstance(value, str) for value in headers.values()
    ):
        raise SkipServer("its headers are not an object of texts")
    return {name: filler.fill(value) for name, value in headers.items()}


def _read_program(name: str, entry: Mapping[str, Any], filler: Filler) -> RemoteServer:
    arguments = entry.get("args") or []
    if not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments):
        raise SkipServer("its args are not a list of texts")
    words = [str(entry["command"]), *arguments]
    start = next((i for i, word in enumerate(words) if _MCP_REMOTE.fullmatch(word)), None)
    if start is None or len(words) < start + 2 or words[start + 1].startswith("-"):
        raise SkipServer(_LOCAL)
    # Programs read their own environment, which the file sets.
    given = entry.get("env") if isinstance(entry.get("env"), dict) else {}
    variables = {key: filler.fill(str(value)) for key, value in (given or {}).items()}
    options = words[start + 2 :]
    url = filler.fill(words[start + 1], variables)
    notes = _notes(entry, _UNDERSTOOD_OF_PROGRAMS) + note_on_url(words[start + 1], url)
    transport, guess = _guess_transport(url)
    if _option(options, "--transport").startswith("sse"):
        transport = Transport.SSE
    return RemoteServer(
        name=name,
        display_name=name,
        transport=transport,
        url=url,
        headers=_headers_of_options(options, filler, variables),
        description=_text(entry.get("description")),
        disabled=entry.get("disabled") is True,
        notes=(*notes, *guess, "mcp-remote is not needed here"),
    )


def _headers_of_options(
    options: list[str], filler: Filler, variables: Mapping[str, str]
) -> dict[str, str]:
    lines = [value for flag, value in itertools.pairwise(options) if flag == "--header"]
    headers: dict[str, str] = {}
    for line in lines:
        header, colon, value = line.partition(":")
        if not colon:
            raise SkipServer("one of its --header options is not a header")
        headers[header.strip()] = filler.fill(value, variables).strip()
    return headers


def _option(options: list[str], flag: str) -> str:
    return next((b for a, b in itertools.pairwise(options) if a == flag), "")


def _notes(entry: Mapping[str, Any], understood: frozenset[str]) -> tuple[str, ...]:
    others = ", ".join(sorted(str(each) for each in entry.keys() - understood))
    return (f"not taken over: {others}",) if others else ()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

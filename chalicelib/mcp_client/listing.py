"""`tools/list`: all of its pages, and what of them can be used."""

import json
from datetime import timedelta
from typing import Any

from chalicelib.logs import get_logger
from chalicelib.mcp_client.errors import BrokenStreamError, MCPProtocolError
from chalicelib.mcp_client.header_annotations import has_valid_header_annotations
from chalicelib.mcp_client.json_values import is_too_deep, is_unicode
from chalicelib.mcp_client.models import Tool, ToolListing
from chalicelib.mcp_client.session import Era, Session

_MAX_PAGES = 100
_MAX_TOOLS = 2000
# All pages together: what we answer must fit into Lambda's 6 MB, and into its memory.
_MAX_BYTES = 4 * 1024 * 1024
_LONGEST_LIFETIME = timedelta(hours=1)


def list_tools(session: Session) -> ToolListing:
    """Every usable tool of a server, in its order; the first of two with the same name.

    Raises:
        MCPProtocolError: the pages are malformed, or without end.
        MCPAuthorizationError, MCPServerError, EgressError kinds: as `Session.request`.
    """
    tools: dict[str, Tool] = {}
    cursors: set[str] = set()
    params: dict[str, Any] = {}
    received = 0
    pages: list[dict[str, Any]] = []
    for _ in range(_MAX_PAGES):
        page = _get_page(session, params)
        received += len(json.dumps(page))
        pages.append({name: page.get(name) for name in ("ttlMs", "cacheScope")})
        if received > _MAX_BYTES:
            raise MCPProtocolError(session.host, f"describes its tools in over {_MAX_BYTES} bytes")
        for tool in _parse_page(session, page):
            tools.setdefault(tool.name, tool)
        if len(tools) > _MAX_TOOLS:
            raise MCPProtocolError(session.host, f"offers more than {_MAX_TOOLS} tools")
        cursor = page.get("nextCursor")
        if cursor is None:
            return ToolListing(
                tools=tuple(tools.values()),
                lifetime=min(_lifetime(each) for each in pages),
                is_public=all(each["cacheScope"] == "public" for each in pages),
                size=received,
            )
        if not isinstance(cursor, str) or cursor in cursors:
            raise MCPProtocolError(session.host, "sent an invalid or repeated page cursor")
        cursors.add(cursor)
        params = {"cursor": cursor}
    raise MCPProtocolError(session.host, f"spreads its tools over more than {_MAX_PAGES} pages")


def _get_page(session: Session, params: dict[str, Any]) -> dict[str, Any]:
    try:
        return session.request("tools/list", params)
    except BrokenStreamError:
        # Nothing is resumed: a listing has no effects, so it is asked for anew.
        return session.request("tools/list", params)


def _parse_page(session: Session, page: dict[str, Any]) -> list[Tool]:
    entries = page.get("tools")
    if not isinstance(entries, list):
        raise MCPProtocolError(session.host, "sent a list of tools that is none")
    tools = []
    for entry in entries:
        tool = _parse_tool(entry)
        # Which headers a client could not send only matters on the wire that has them.
        if tool and (
            session.era is not Era.MODERN or has_valid_header_annotations(tool.input_schema)
        ):
            tools.append(tool)
    if len(tools) < len(entries):
        get_logger().warning(
            "Left out tools that cannot be used.",
            extra={"fields": {"host": session.host, "tools": len(entries) - len(tools)}},
        )
    return tools


def _parse_tool(entry: Any) -> Tool | None:
    """A tool, or None when it could neither be shown nor called."""
    if not isinstance(entry, dict) or is_too_deep(entry) or not is_unicode(entry):
        return None
    name, schema = entry.get("name"), entry.get("inputSchema")
    if not isinstance(name, str) or not name or not isinstance(schema, dict):
        return None
    execution = entry.get("execution")
    if isinstance(execution, dict) and execution.get("taskSupport") == "required":
        return None  # It runs as a task only (2025-11-25, tasks), which we do not speak.
    annotations = entry.get("annotations")
    annotations = annotations if isinstance(annotations, dict) else {}
    return Tool(
        name=name,
        title=_text(entry.get("title")) or _text(annotations.get("title")) or name,
        description=_text(entry.get("description")),
        input_schema=schema,
        annotations=annotations,
    )


def _lifetime(page: dict[str, Any]) -> timedelta:
    """How long a page stays fresh (2026-07-28, caching); zero if the server does not say."""
    milliseconds = page["ttlMs"]
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int) or milliseconds < 0:
        return timedelta(0)
    return min(timedelta(milliseconds=min(milliseconds, 2**40)), _LONGEST_LIFETIME)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

"""The two wires of Streamable HTTP: stateless 2026-07-28, and the sessions of 2025-11-25."""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from chalicelib.mcp_client.channel import SESSION_HEADER, Channel
from chalicelib.mcp_client.errors import MCPProtocolError, MCPServerError
from chalicelib.version import VERSION

MODERN_VERSION: Final = "2026-07-28"
LEGACY_VERSIONS: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")

_CLIENT_INFO = {"name": "ciborium", "title": "Ciborium", "version": VERSION}
_VERSION_HEADER = "MCP-Protocol-Version"
_UNSUPPORTED_VERSION = -32022
# HEADER_MISMATCH and MISSING_REQUIRED_CLIENT_CAPABILITY: only the modern wire has them.
_MODERN_CODES = frozenset({-32020, -32021, _UNSUPPORTED_VERSION})
# Busy or broken, which says nothing about what a server speaks.
_OUTAGES = frozenset({408, 429, 502, 503, 504})
_SESSION_ID = re.compile(r"[\x21-\x7e]{1,1024}")


class Wire(Protocol):
    """One way to speak to a server."""

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and return its result.

        Raises:
            MCPAuthorizationError, MCPServerError, MCPProtocolError, EgressError kinds:
                as `Channel.request`.
        """

    def is_foreign_to(self, error: MCPServerError) -> bool:
        """Whether an error of `request` suggests that the server speaks the other wire."""

    def close(self) -> None:
        """End what `request` began."""


class ModernWire:
    """Revision 2026-07-28: every request stands alone and says what it needs in `_meta`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """As `Wire`; repeated once if the server asks for a version that we speak (-32022)."""
        try:
            return self._send(method, params)
        except MCPServerError as exc:
            if exc.rpc_code != _UNSUPPORTED_VERSION or MODERN_VERSION not in exc.supported:
                raise
            return self._send(method, params)

    def is_foreign_to(self, error: MCPServerError) -> bool:
        """As `Wire` (versioning, "era detection")."""
        if error.rpc_code == _UNSUPPORTED_VERSION:
            return any(version in LEGACY_VERSIONS for version in error.supported)
        return error.rpc_code not in _MODERN_CODES and error.status not in _OUTAGES

    def close(self) -> None:
        """Nothing: this wire has no sessions."""

    def _send(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": _CLIENT_INFO,
        }
        headers = {_VERSION_HEADER: MODERN_VERSION, "Mcp-Method": method}
        result = self._channel.request(method, {**params, "_meta": meta}, headers).result
        # Absent means complete. We declare no capability that another type would need.
        if result.get("resultType", "complete") != "complete":
            raise MCPProtocolError(self._channel.host, "sent a result of an unexpected type")
        return result


class LegacyWire:
    """Revisions up to 2025-11-25: a handshake first, then requests, often within a session."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._headers: dict[str, str] = {}
        """What the handshake has settled: the version, and perhaps a session. Empty before it."""

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """As `Wire`; a session that the server has forgotten (404) is begun anew, once."""
        if not self._headers:
            self._initialize()
        try:
            return self._channel.request(method, params, self._headers).result
        except MCPServerError as exc:
            if exc.status != 404 or SESSION_HEADER not in self._headers:
                raise
            self._initialize()
            return self._channel.request(method, params, self._headers).result

    def is_foreign_to(self, error: MCPServerError) -> bool:
        """As `Wire`: a server that has shaken hands speaks this wire, whatever it refuses later."""
        return not self._headers and error.status not in _OUTAGES

    def close(self) -> None:
        """End the session, if there is one."""
        if SESSION_HEADER in self._headers:
            self._channel.end_session(self._headers)
        self._headers = {}

    def _initialize(self) -> None:
        """The handshake (2025-11-25, lifecycle, "Initialization")."""
        self._headers = {}
        offer = {
            "protocolVersion": LEGACY_VERSIONS[0],
            "capabilities": {},
            "clientInfo": _CLIENT_INFO,
        }
        answer = self._channel.request("initialize", offer, {})
        version = answer.result.get("protocolVersion")
        if version not in LEGACY_VERSIONS:
            raise MCPProtocolError(self._channel.host, "speaks no protocol version that we speak")
        headers = {_VERSION_HEADER: version}
        if answer.session_id is not None:
            if not _SESSION_ID.fullmatch(answer.session_id):
                raise MCPProtocolError(self._channel.host, "sent an invalid session id")
            headers[SESSION_HEADER] = answer.session_id
        self._headers = headers
        self._channel.notify("notifications/initialized", headers)

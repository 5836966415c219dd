"""The two wires: stateless 2026-07-28, and the sessions of 2025-11-25 and before."""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from chalicelib.mcp_client.channel import SESSION_HEADER, Channel
from chalicelib.mcp_client.elicitation import build_capabilities, build_responder
from chalicelib.mcp_client.errors import MCPProtocolError, MCPServerError
from chalicelib.sdk.mcp_tools import Elicitation
from chalicelib.version import VERSION

MODERN_VERSION: Final = "2026-07-28"
LEGACY_VERSIONS: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
COMPLETE: Final = "complete"
INPUT_REQUIRED: Final = "input_required"
HEADER_MISMATCH: Final = -32020

_CLIENT_INFO = {"name": "ciborium", "title": "Ciborium", "version": VERSION}
_META = "io.modelcontextprotocol/"
_VERSION_HEADER = "MCP-Protocol-Version"
_UNSUPPORTED_VERSION = -32022
# The third is MISSING_REQUIRED_CLIENT_CAPABILITY: only the modern wire has them.
_MODERN_CODES = frozenset({HEADER_MISMATCH, -32021, _UNSUPPORTED_VERSION})
# Busy or broken, which says nothing about what a server speaks.
_OUTAGES = frozenset({408, 429, 502, 503, 504})
_SESSION_ID = re.compile(r"[\x21-\x7e]{1,1024}")


class Wire(Protocol):
    """One way to speak to a server."""

    @property
    def protocol_version(self) -> str:
        """The version that is spoken; empty before it is known."""

    def request(
        self, method: str, params: Mapping[str, Any], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """Send a request and return its result.

        Args:
            method: the JSON-RPC method.
            params: its parameters.
            headers: what the modern wire mirrors of them; the older ones send none.

        Raises:
            MCPAuthorizationError, MCPServerError, MCPProtocolError, EgressError kinds:
                as `Channel.request`.
        """

    def is_foreign_to(self, error: MCPServerError) -> bool:
        """Whether an error of `request` suggests that the server speaks another wire."""

    def close(self) -> None:
        """End what `request` began."""


class ModernWire:
    """Revision 2026-07-28: every request stands alone and says what it needs in `_meta`."""

    def __init__(self, channel: Channel, elicitation: Elicitation) -> None:
        self._channel = channel
        self._capabilities = build_capabilities(elicitation, can_ask=True)

    @property
    def protocol_version(self) -> str:
        """As `Wire`."""
        return MODERN_VERSION

    def request(
        self, method: str, params: Mapping[str, Any], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """As `Wire`; repeated once if the server asks for a version that we speak (-32022)."""
        try:
            return self._send(method, params, headers)
        except MCPServerError as exc:
            if exc.rpc_code != _UNSUPPORTED_VERSION or MODERN_VERSION not in exc.supported:
                raise
            return self._send(method, params, headers)

    def is_foreign_to(self, error: MCPServerError) -> bool:
        """As `Wire` (versioning, "era detection")."""
        if error.rpc_code == _UNSUPPORTED_VERSION:
            return any(version in LEGACY_VERSIONS for version in error.supported)
        return error.rpc_code not in _MODERN_CODES and error.status not in _OUTAGES

    def close(self) -> None:
        """Close the channel; this wire has no sessions."""
        self._channel.close()

    def _send(
        self, method: str, params: Mapping[str, Any], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        meta = {
            f"{_META}protocolVersion": MODERN_VERSION,
            f"{_META}clientCapabilities": self._capabilities,
            f"{_META}clientInfo": _CLIENT_INFO,
        }
        standard = {_VERSION_HEADER: MODERN_VERSION, "Mcp-Method": method}
        body = {**params, "_meta": {**params.get("_meta", {}), **meta}}
        result = self._channel.request(method, body, {**standard, **headers}).result
        if result.get("resultType", COMPLETE) not in {COMPLETE, INPUT_REQUIRED}:
            raise MCPProtocolError(self._channel.host, "sent a result of an unknown type")
        return result


class LegacyWire:
    """Revisions up to 2025-11-25: a handshake first, then requests, often within a session."""

    def __init__(self, channel: Channel, elicitation: Elicitation) -> None:
        self._channel = channel
        self._capabilities = build_capabilities(elicitation, can_ask=False)
        self._responder = build_responder(elicitation)
        self._headers: dict[str, str] = {}
        """What the handshake has settled: the version, and perhaps a session. Empty before it."""

    @property
    def protocol_version(self) -> str:
        """As `Wire`."""
        return self._headers.get(_VERSION_HEADER, "")

    def request(
        self,
        method: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str],  # noqa: ARG002 - these wires mirror nothing
    ) -> dict[str, Any]:
        """As `Wire`; a session that the server has forgotten (404) is begun anew, once."""
        if not self._headers:
            self._initialize()
        try:
            return self._send(method, params)
        except MCPServerError as exc:
            if exc.status != 404 or SESSION_HEADER not in self._headers:
                raise
            self._initialize()
            return self._send(method, params)

    def is_foreign_to(self, error: MCPServerError) -> bool:
        """As `Wire`: a server that has shaken hands speaks this wire, whatever it refuses later."""
        return not self._headers and error.status not in _OUTAGES

    def close(self) -> None:
        """End the session, if there is one."""
        if SESSION_HEADER in self._headers:
            self._channel.end_session(self._headers)
        self._headers = {}
        self._channel.close()

    def _send(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return self._channel.request(method, params, self._headers, self._responder).result

    def _initialize(self) -> None:
        """The handshake (2025-11-25, lifecycle, "Initialization")."""
        self._headers = {}
        offer = {
            "protocolVersion": LEGACY_VERSIONS[0],
            "capabilities": self._capabilities,
            "clientInfo": _CLIENT_INFO,
        }
        answer = self._channel.request("initialize", offer, {}, self._responder)
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
        if self._capabilities:  # Otherwise the server has nothing to ask for.
            self._channel.listen(headers, self._responder)

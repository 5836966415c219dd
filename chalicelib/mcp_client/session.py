"""Speaking with one server, on whichever wire it understands."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from enum import Enum
from typing import Any

from chalicelib.errors import CiboriumError
from chalicelib.mcp_client.channel import HTTPChannel
from chalicelib.mcp_client.errors import MCPServerError
from chalicelib.mcp_client.event_channel import EventChannel
from chalicelib.mcp_client.outlet import Outlet
from chalicelib.mcp_client.wires import HEADER_MISMATCH, LegacyWire, ModernWire, Wire
from chalicelib.sdk.mcp_servers import Transport
from chalicelib.sdk.mcp_tools import Elicitation

_REMEMBERED_SERVERS = 512
# How a server of HTTP+SSE refuses a POST (2026-07-28, Streamable HTTP, "Backward Compatibility").
_NO_POST_HERE = frozenset({400, 404, 405})


class Era(Enum):
    """What a server speaks, in the order in which that is found out."""

    MODERN = "modern"
    LEGACY = "legacy"
    EVENTS = "events"
    """HTTP+SSE, deprecated since 2025-03-26."""


class EraMemory:
    """What servers spoke last, by endpoint; lives as long as the container, and is bounded.

    It only saves the attempts on other wires: a server that has changed is found out again.
    """

    def __init__(self) -> None:
        self._eras: OrderedDict[str, Era] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, endpoint: str) -> Era | None:
        """The era of a server that was spoken with before."""
        with self._lock:
            return self._eras.get(endpoint)

    def forget(self, endpoint: str) -> None:
        """Find out anew what a server speaks."""
        with self._lock:
            self._eras.pop(endpoint, None)

    def remember(self, endpoint: str, era: Era) -> None:
        """Keep a server's era; the server that was not spoken with for longest is forgotten."""
        with self._lock:
            self._eras[endpoint] = era
            self._eras.move_to_end(endpoint)
            if len(self._eras) > _REMEMBERED_SERVERS:
                self._eras.popitem(last=False)


class Session:
    """A conversation with one server in one user's name; lives as long as one use of it.

    Args:
        outlet: where the server is, and what authorises the user.
        memory: what servers spoke last.
        transport: as registered; `sse` is taken at its word.
        elicitation: who answers the server's questions.
    """

    def __init__(
        self, outlet: Outlet, memory: EraMemory, transport: Transport, elicitation: Elicitation
    ) -> None:
        self.host = outlet.host
        self.elicitation = elicitation
        self._endpoint = outlet.endpoint
        self._memory = memory
        channel = HTTPChannel(outlet)
        events = LegacyWire(EventChannel(outlet), elicitation)
        self._wires: dict[Era, Wire] = {Era.EVENTS: events}
        if transport is Transport.STREAMABLE_HTTP:
            self._wires = {
                Era.MODERN: ModernWire(channel, elicitation),
                Era.LEGACY: LegacyWire(channel, elicitation),
                Era.EVENTS: events,
            }
        self._era: Era | None = None if len(self._wires) > 1 else Era.EVENTS

    @property
    def era(self) -> Era | None:
        """What the server speaks, if that has been found out or is remembered."""
        return self._era or self._memory.find(self._endpoint)

    def find_version(self) -> tuple[Era, str] | None:
        """What is spoken in this session, even if only the handshake went well."""
        for era, wire in self._wires.items():
            is_spoken = era is not Era.MODERN if self._era is None else era is self._era
            if is_spoken and wire.protocol_version:
                return era, wire.protocol_version
        return None

    def request(
        self, method: str, params: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send a request and return its result; the first one finds out which wire to use.

        Until then it may be sent on several, so it must be one without effects.

        Raises:
            MCPAuthorizationError, MCPServerError, MCPProtocolError, EgressError kinds:
                as `Channel.request`.
        """
        if self._era is not None:
            return self._wires[self._era].request(method, params, headers or {})
        return self._detect(method, params)

    def settle(self) -> None:
        """Take what is remembered for true, so that the next request is sent on one wire only."""
        self._era = self.era

    def refused_beforehand(self, error: MCPServerError) -> bool:
        """Whether a settled server refused a request's form, so that nothing can have run.

        Its tools may have changed (-32020), or its era: that is found out again.
        """
        if self._era is None or self._era is Era.EVENTS:
            return False
        is_foreign = self._wires[self._era].is_foreign_to(error) and error.status in _NO_POST_HERE
        if is_foreign:
            self._era = None
        return is_foreign or error.rpc_code == HEADER_MISMATCH

    def close(self) -> None:
        """End what the server may keep for us."""
        for wire in self._wires.values():
            wire.close()

    def _detect(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        known = self._memory.find(self._endpoint)
        refusals: list[MCPServerError] = []
        unmarked: dict[str, Any] | None = None
        for era in dict.fromkeys([known or Era.MODERN, *Era]):
            is_last_resort = era is Era.EVENTS and known is not era
            if is_last_resort and (unmarked or refusals[0].status not in _NO_POST_HERE):
                break
            wire = self._wires[era]
            try:
                result = wire.request(method, params, {})
            except CiboriumError as exc:
                self._memory.forget(self._endpoint)
                if isinstance(exc, MCPServerError) and wire.is_foreign_to(exc):
                    refusals.append(exc)
                    continue
                if is_last_resort:
                    break
                raise
            if era is Era.MODERN and "resultType" not in result and known is not Era.MODERN:
                # Every modern result has it; a lenient older server answers without a handshake.
                unmarked = result
                continue
            return self._settle(era, result)
        if unmarked is not None:
            return self._settle(Era.MODERN, unmarked)
        # No wire is understood: the first refusal that speaks JSON-RPC is the telling one.
        raise next((each for each in refusals if each.rpc_code is not None), refusals[0])

    def _settle(self, era: Era, result: dict[str, Any]) -> dict[str, Any]:
        self._era = era
        self._memory.remember(self._endpoint, era)
        return result

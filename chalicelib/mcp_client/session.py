"""Speaking with one server, on whichever wire it understands."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from enum import Enum
from typing import Any

from chalicelib.mcp_client.channel import Channel
from chalicelib.mcp_client.errors import MCPServerError
from chalicelib.mcp_client.wires import LegacyWire, ModernWire, Wire

_REMEMBERED_SERVERS = 512


class Era(Enum):
    """Which of the two wires a server speaks."""

    MODERN = "modern"
    LEGACY = "legacy"

    @property
    def other(self) -> "Era":
        """The one that remains."""
        return Era.LEGACY if self is Era.MODERN else Era.MODERN


class EraMemory:
    """What servers spoke last, by endpoint; lives as long as the container, and is bounded.

    It only saves the attempt on the other wire: a server that has changed is found out again.
    """

    def __init__(self) -> None:
        self._eras: OrderedDict[str, Era] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, endpoint: str) -> Era | None:
        """The era of a server that was spoken with before."""
        with self._lock:
            return self._eras.get(endpoint)

    def remember(self, endpoint: str, era: Era) -> None:
        """Keep a server's era; the server that was not spoken with for longest is forgotten."""
        with self._lock:
            self._eras[endpoint] = era
            self._eras.move_to_end(endpoint)
            if len(self._eras) > _REMEMBERED_SERVERS:
                self._eras.popitem(last=False)


class Session:
    """A conversation with one server in one user's name; lives as long as one use of it."""

    def __init__(self, channel: Channel, memory: EraMemory) -> None:
        self._endpoint = channel.endpoint
        self.host = channel.host
        self._memory = memory
        self._wires: dict[Era, Wire] = {
            Era.MODERN: ModernWire(channel),
            Era.LEGACY: LegacyWire(channel),
        }
        self._era: Era | None = None

    @property
    def is_modern(self) -> bool:
        """Whether the server was found to speak 2026-07-28."""
        return self._era is Era.MODERN

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and return its result; the first one finds out which wire to use.

        Raises:
            MCPAuthorizationError, MCPServerError, MCPProtocolError, EgressError kinds:
                as `Channel.request`.
        """
        if self._era is not None:
            return self._wires[self._era].request(method, params)
        return self._detect(method, params)

    def close(self) -> None:
        """End what the server may keep for us."""
        for wire in self._wires.values():
            wire.close()

    def _detect(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        likely = self._memory.find(self._endpoint) or Era.MODERN
        try:
            result = self._wires[likely].request(method, params)
        except MCPServerError as exc:
            if not self._wires[likely].is_foreign_to(exc):
                raise
            return self._try_other(likely.other, method, params, exc)
        self._settle(likely)
        return result

    def _try_other(
        self, era: Era, method: str, params: Mapping[str, Any], first: MCPServerError
    ) -> dict[str, Any]:
        wire = self._wires[era]
        try:
            result = wire.request(method, params)
        except MCPServerError as exc:
            if wire.is_foreign_to(exc):
                # Neither wire is understood: the first error is the telling one.
                raise first from exc
            raise
        self._settle(era)
        return result

    def _settle(self, era: Era) -> None:
        self._era = era
        self._memory.remember(self._endpoint, era)

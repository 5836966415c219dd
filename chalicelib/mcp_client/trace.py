"""What happened on the wire while a server was used, for a diagnosis."""

import time
from dataclasses import dataclass, field

from chalicelib.mcp_client.jsonrpc import Message


@dataclass(slots=True)
class Exchange:
    """One HTTP request: the JSON-RPC method that it carried, if any, and the answer's status.

    Attributes:
        method: empty for a request without a message.
        status: None while there is no answer.
        seconds: until the headers of the answer were there.
    """

    method: str
    status: int | None = None
    seconds: float = 0.0
    _started: float = field(default_factory=time.monotonic)

    def answered(self, status: int) -> None:
        """The headers of the answer are there."""
        self.status = status
        self.seconds = time.monotonic() - self._started


@dataclass(slots=True)
class Trace:
    """Collects what a use of a server did; lives as long as the diagnosis.

    Attributes:
        exchanges: the HTTP requests in order.
        era: what the server was found to speak; empty if that never came out.
        protocol_version: as agreed upon; empty if it was not.
    """

    exchanges: list[Exchange] = field(default_factory=list)
    era: str = ""
    protocol_version: str = ""

    def begin(self, message: Message | None) -> Exchange:
        """A request goes out."""
        self.exchanges.append(Exchange(str((message or {}).get("method", ""))))
        return self.exchanges[-1]

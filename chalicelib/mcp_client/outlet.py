"""The HTTP requests that all transports are made of."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from chalicelib.egress import Deadline, Egress, EgressStream
from chalicelib.mcp_client import jsonrpc
from chalicelib.mcp_client.errors import MCPAuthorizationError
from chalicelib.mcp_client.jsonrpc import Message, Responder
from chalicelib.mcp_client.trace import Trace

MAX_BYTES: Final = 4 * 1024 * 1024
JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Outlet:
    """What every channel sends through; lives as long as one use of a server.

    Attributes:
        egress: the way out.
        endpoint: the server's URL.
        headers: what authorises one user's requests.
        deadline: for all requests together.
        pause: waits for some seconds.
        trace: notes each request, for a diagnosis.
    """

    egress: Egress
    endpoint: str
    headers: Mapping[str, str] = field(repr=False)
    deadline: Deadline
    pause: Callable[[float], object]
    trace: Trace | None = None

    @property
    def host(self) -> str:
        """Where the endpoint is, for messages."""
        return urlsplit(self.endpoint).hostname or ""

    @contextmanager
    def open(
        self,
        method: str,
        headers: Mapping[str, str],
        message: Message | None = None,
        *,
        url: str = "",
        max_bytes: int = MAX_BYTES,
    ) -> Iterator[EgressStream]:
        """Send one HTTP request with the user's headers.

        Raises:
            MCPAuthorizationError: status 401 or 403.
            EgressError kinds: there was no proper HTTP answer in time.
        """
        exchange = self.trace.begin(message) if self.trace else None
        with self.egress.stream(
            method,
            url or self.endpoint,
            headers={**self.headers, **headers},
            content=None if message is None else jsonrpc.encode(message),
            budget=self.deadline,
            max_bytes=max_bytes,
            credentials=True,
        ) as answer:
            if exchange is not None:
                exchange.answered(answer.status)
            if answer.status in {401, 403}:
                challenges = tuple(answer.headers.get_list("WWW-Authenticate"))
                raise MCPAuthorizationError(self.host, answer.status, challenges)
            yield answer

    def post(
        self, message: Message, headers: Mapping[str, str], url: str = ""
    ) -> AbstractContextManager[EgressStream]:
        """POST one message; both forms of an answer are welcome. Raises as `open`."""
        accept = {"Accept": f"{JSON}, {EVENT_STREAM}", "Content-Type": JSON}
        return self.open("POST", {**accept, **headers}, message, url=url)

    def answer_requests(
        self, document: Any, headers: Mapping[str, str], responder: Responder, url: str = ""
    ) -> None:
        """Answer the server's own requests in a message, if it is one, or a batch of them.

        Whether it takes the answer is not looked at: it says so in its own. Raises as `open`.
        """
        for request in jsonrpc.find_requests(document):
            with self.post(jsonrpc.build_response(request, responder), headers, url):
                pass


def media_type_of(answer: EgressStream) -> str:
    """The answer's media type without its parameters, in lower case."""
    return str(answer.headers.get("Content-Type", "")).split(";")[0].strip().lower()

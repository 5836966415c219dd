"""JSON-RPC messages over one MCP endpoint: the HTTP that both protocol revisions share."""

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from chalicelib.egress import Deadline, Egress, EgressConnectionError, EgressStream, parse_json
from chalicelib.errors import CiboriumError
from chalicelib.mcp_client.errors import (
    BrokenStreamError,
    MCPAuthorizationError,
    MCPProtocolError,
    MCPServerError,
)
from chalicelib.mcp_client.sse import iter_messages

SESSION_HEADER: Final = "MCP-Session-Id"

_MAX_BYTES = 4 * 1024 * 1024
_FAREWELL_SECONDS = 2.0
_JSON = "application/json"
_EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Answer:
    """The successful answer to one request."""

    result: dict[str, Any]
    session_id: str | None = field(default=None, repr=False)


class Channel:
    """One endpoint with one user's headers; lives as long as one use of the server.

    All of its requests together have `budget` seconds.
    """

    def __init__(
        self, egress: Egress, endpoint: str, headers: Mapping[str, str], budget: float
    ) -> None:
        self.endpoint = endpoint
        self.host = urlsplit(endpoint).hostname or ""
        self._egress = egress
        self._headers = dict(headers)
        self._deadline = Deadline(budget)
        self._ids = itertools.count(1)

    def request(self, method: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        """Send a request and wait for its answer, which is JSON or comes in an event stream.

        Raises:
            MCPAuthorizationError: status 401 or 403.
            MCPServerError: another status than 2xx, or a JSON-RPC error.
            MCPProtocolError: the answer is not MCP; `BrokenStreamError` when it never came.
            EgressError kinds: there was no proper HTTP answer in time.
        """
        request_id = next(self._ids)
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": dict(params)}
        with self._post(message, headers) as answer:
            response = self._read_response(answer, request_id)
            return Answer(
                self._get_result(response, answer.status), answer.headers.get(SESSION_HEADER)
            )

    def notify(self, method: str, headers: Mapping[str, str]) -> None:
        """Send a notification, which has no answer.

        Raises:
            MCPAuthorizationError, MCPServerError, EgressError kinds: as `request`.
        """
        with self._post({"jsonrpc": "2.0", "method": method}, headers) as answer:
            if not 200 <= answer.status < 300:
                raise MCPServerError(self.host, answer.status)

    def end_session(self, headers: Mapping[str, str]) -> None:
        """Tell the server that the session is over. It may refuse; nobody waits long for it."""
        seconds = min(_FAREWELL_SECONDS, self._deadline.remaining())
        if seconds <= 0:
            return
        with suppress(CiboriumError):
            self._egress.request(
                "DELETE",
                self.endpoint,
                headers={**self._headers, **headers},
                budget=seconds,
                credentials=True,
            )

    @contextmanager
    def _post(
        self, message: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Iterator[EgressStream]:
        with self._egress.stream(
            "POST",
            self.endpoint,
            headers={
                **self._headers,
                "Accept": f"{_JSON}, {_EVENT_STREAM}",
                "Content-Type": _JSON,
                **headers,
            },
            content=json.dumps(message, separators=(",", ":")).encode(),
            budget=self._deadline,
            max_bytes=_MAX_BYTES,
            credentials=True,
        ) as answer:
            if answer.status in {401, 403}:
                challenges = tuple(answer.headers.get_list("WWW-Authenticate"))
                raise MCPAuthorizationError(self.host, answer.status, challenges)
            yield answer

    def _read_response(self, answer: EgressStream, request_id: int) -> dict[str, Any]:
        """The JSON-RPC response to our request, whichever way the server chose to send it."""
        media_type = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if media_type == _EVENT_STREAM and answer.status == 200:
            return self._read_event_stream(answer, request_id)
        is_success = 200 <= answer.status < 300
        if media_type == _JSON:
            document = self._parse(b"".join(answer.iter_bytes()), strict=is_success)
            response = _find_response(document, request_id)
            if response is not None:
                return response
        if not is_success:
            raise MCPServerError(self.host, answer.status)
        if media_type == _JSON:
            raise MCPProtocolError(self.host, "sent JSON that does not answer the request")
        raise MCPProtocolError(
            self.host, "did not answer with JSON or an event stream; is its URL an MCP endpoint?"
        )

    def _read_event_stream(self, answer: EgressStream, request_id: int) -> dict[str, Any]:
        try:
            for text in iter_messages(answer.iter_bytes()):
                if not text:
                    continue  # It only carries an id, to resume at.
                response = _find_response(self._parse(text, strict=True), request_id)
                if response is not None:
                    return response
        except EgressConnectionError as exc:
            raise BrokenStreamError(self.host) from exc
        raise BrokenStreamError(self.host)

    def _parse(self, text: str | bytes, *, strict: bool) -> Any:
        try:
            return parse_json(text)
        except ValueError:
            if not strict:
                return None
            raise MCPProtocolError(self.host, "sent malformed JSON") from None

    def _get_result(self, response: dict[str, Any], status: int) -> dict[str, Any]:
        """The result.

        Raises:
            MCPServerError: the response is an error.
        """
        error = response.get("error")
        if isinstance(error, dict):
            rpc_code = error.get("code")
            if not isinstance(rpc_code, int):
                raise MCPProtocolError(self.host, "sent an error without a code")
            raise MCPServerError(self.host, status, rpc_code, _supported_versions(error))
        result = response.get("result")
        if not isinstance(result, dict):
            raise MCPProtocolError(self.host, "sent a response that is neither result nor error")
        return result


def _find_response(document: Any, request_id: int) -> dict[str, Any] | None:
    """Our response in a message, or in a batch of them, as revision 2025-03-26 allows.

    An error without an id answers a request that the server could not read: ours.
    """
    for message in document if isinstance(document, list) else [document]:
        if not isinstance(message, dict) or "method" in message:
            continue
        message_id = message.get("id")
        if message_id is None and "error" in message:
            return message
        if message_id == request_id and not isinstance(message_id, bool):
            return message
    return None


def _supported_versions(error: dict[str, Any]) -> tuple[str, ...]:
    data = error.get("data")
    versions = data.get("supported") if isinstance(data, dict) else None
    if not isinstance(versions, list):
        return ()
    return tuple(version for version in versions if isinstance(version, str))

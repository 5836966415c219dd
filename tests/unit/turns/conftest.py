"""Providers of models on loopback: each answers with the bytes that a test decides."""

import ipaddress
import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from chalicelib.egress import Egress
from chalicelib.turns.providers import (
    Event,
    ModelClient,
    ModelRequest,
    ModelTarget,
    PromptMessage,
    ProviderKind,
    ReasoningDelta,
    TextDelta,
    TextPart,
)
from tests.support.loopback import LoopbackServer, Respond, always

KEY = "sentinel-key"
UNTOLD = "sentinel-upstream-text"
HELLO = (PromptMessage("user", (TextPart("Hello"),)),)


def ask_for(*messages: PromptMessage, **fields: Any) -> ModelRequest:
    """A request with little in it."""
    return ModelRequest(
        **{"model": "a-model", "system": "", "messages": messages or HELLO, **fields}
    )


class Models:
    """Asks one kind of provider, whose answers are scripted, over real connections."""

    def __init__(self, kind: ProviderKind) -> None:
        self.kind = kind
        self._servers: list[LoopbackServer] = []
        local = [ipaddress.ip_network("127.0.0.0/8")]
        self.egress = Egress(local)
        self.client = ModelClient(self.egress)

    def serve(self, respond: Respond | bytes) -> ModelTarget:
        """A provider that answers so."""
        server = LoopbackServer(always(respond) if isinstance(respond, bytes) else respond)
        self._servers.append(server)
        return ModelTarget(self.kind, server.url("/v1"), KEY, "eu-central-1")

    def ask(
        self, respond: Respond | bytes, request: ModelRequest | None = None, budget: float = 5.0
    ) -> list[Event]:
        """All events of the answer."""
        target = self.serve(respond)
        with closing(self.client.stream(target, request or ask_for(), budget)) as events:
            return list(events)

    def sent_for(self, request: ModelRequest, whole: bytes) -> dict[str, Any]:
        """The body that a request becomes; `whole` is any whole answer."""
        self.ask(whole, request)
        return self.body

    @property
    def raw(self) -> bytes:
        """The last request as it came."""
        return self._servers[-1].requests[-1]

    @property
    def body(self) -> dict[str, Any]:
        """The last request's body."""
        parsed: dict[str, Any] = json.loads(self.raw.partition(b"\r\n\r\n")[2])
        return parsed

    @property
    def headers(self) -> dict[str, str]:
        """The last request's headers, names in lower case."""
        lines = self.raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        pairs = (line.partition(": ") for line in lines)
        return {name.lower(): value for name, _, value in pairs}

    def close(self) -> None:
        """End everything."""
        self.egress.close()
        for server in self._servers:
            server.close()


def opened(kind: ProviderKind) -> Iterator[Models]:
    """For fixtures."""
    models = Models(kind)
    yield models
    models.close()


@pytest.fixture
def openai() -> Iterator[Models]:
    yield from opened(ProviderKind.OPENAI)


@pytest.fixture
def anthropic() -> Iterator[Models]:
    yield from opened(ProviderKind.ANTHROPIC)


@pytest.fixture
def bedrock() -> Iterator[Models]:
    yield from opened(ProviderKind.BEDROCK)


def stream(body: bytes, size: int = 0, content_type: str = "text/event-stream") -> bytes:
    """A 200 whose body comes in pieces of `size` bytes, or in one."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
    step = size or max(1, len(body))
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head.encode() + coded + b"0\r\n\r\n"


def data(*values: Any) -> bytes:
    """Server-sent events of these JSON values, or of strings as they are."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in values]
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def typed(*values: dict[str, Any]) -> bytes:
    """Anthropic's events: each says its type twice."""
    return b"".join(f"event: {each['type']}\n".encode() + data(each) for each in values)


def frame(kind: str, payload: Any, message_type: str = "event") -> bytes:
    """One message of an AWS event stream."""
    names = {"event": ":event-type", "exception": ":exception-type", "error": ":error-code"}
    headers = {
        ":message-type": message_type,
        names[message_type]: kind,
        ":content-type": "application/json",
    }
    coded = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack("!H", len(text)) + text.encode()
        for name, text in headers.items()
    )
    return raw_frame(coded, json.dumps(payload, ensure_ascii=False).encode())


def raw_frame(headers: bytes, payload: bytes) -> bytes:
    """A message with both of its checksums right."""
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    prelude += struct.pack("!I", zlib.crc32(prelude))
    message = prelude + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


def text_of(events: list[Event]) -> str:
    """The text of an answer."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def reasoning_of(events: list[Event]) -> str:
    """What the model thought."""
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))

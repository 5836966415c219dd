"""A model that needs no account: it speaks Chat Completions, streaming, and follows a script.

    python -m infra.local.scripted_model [--port 0] [--delay 0.05] [--api-key KEY]

prints its base URL (`http://127.0.0.1:<port>/v1`) once it listens, and ends when its standard input
does. Tests start it inside their process: `with ScriptedModel() as model: model.base_url`, and
`model.requests` is what it was asked. Everything is deterministic; nothing leaves this machine.

What it answers, by the last user message:

- `use <tool> {"json": "arguments"}`, as often as wanted, calls the tools, several at once. The tool
  is an offered one by its whole name, or by what follows `__` in it (`use add_numbers {"a": 1}`).
- A message in which the name of an offered tool stands as a word calls it without arguments.
- After tool results: `<tool> answered: <text>` for each, or `<tool> failed: <text>`.
- Otherwise `You said: <text>`, and what images it was sent.

It misbehaves when the model is named `scripted-<fault>`, or the last user message holds
`#model:<fault>`. The faults:

- `400`, `401`, `403`, `404`, `429` (Retry-After: 1), `500`, `503`: that status.
- `context`: 400 `context_length_exceeded`.
- `flaky`: 500 the first time, an answer when the same is asked again.
- `garbage`: a web page; `garbage-stream`: an event that is no JSON.
- `half`: the connection breaks in the middle; `half-clean`: it ends there as if all were well.
- `error-midway`: an error in the stream.
- `silence`: no answer; `stall`: none after the first piece. Both last until the caller hangs up.
- `slow`: a piece every 0.3 seconds.
- `empty`: nothing; `long`: 100 kB; `length`: stops for length; `refusal`; `reasoning`: thinks
  before it answers.
- `bad-arguments`: calls the first offered tool with what is no JSON; `unknown-tool`: calls
  `no_such_tool`; `many`: calls the first offered tool 16 times at once. After the results it
  answers as ever. `loop`: calls the first offered tool again and again.
"""

import argparse
import json
import os
import select
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from infra.local.scripted_replies import find_fault, iter_chunks, reply_to

_HOST = "127.0.0.1"
_STATUSES = {"400", "401", "403", "404", "429", "500", "503"}
_LONGEST_SILENCE = 600.0
UNTOLD = "what-an-upstream-says-in-its-errors"
"""In every error; nobody who uses the product may ever see it."""


class ScriptedModel:
    """The server, in threads of this process.

    Attributes:
        base_url: what a provider's base URL is to be.
        requests: the bodies of all requests, in order.
    """

    def __init__(self, port: int = 0, *, delay: float = 0.0, api_key: str = "") -> None:
        self.requests: list[dict[str, Any]] = []
        self.delay = delay
        self.api_key = api_key
        self.failed: set[str] = set()
        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer((_HOST, port), self._handler())
        self._server.daemon_threads = True
        self.base_url = f"http://{_HOST}:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def _handler(self) -> type["_Handler"]:
        return type("Handler", (_Handler,), {"scripted": self})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End every connection."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # What is written together is sent together.
    scripted: ScriptedModel

    def do_GET(self) -> None:
        """The list of models."""
        models = [{"id": "scripted", "object": "model", "created": 0, "owned_by": "ciborium"}]
        self._send_json(200, {"object": "list", "data": models})

    def do_POST(self) -> None:
        """One chat completion."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.scripted.requests.append(body)
        key = self.scripted.api_key
        fault = find_fault(body)
        if key and self.headers.get("Authorization") != f"Bearer {key}":
            fault = "401"
        if not self.path.endswith("/chat/completions"):
            fault = "404"
        if fault == "flaky" and (asked := json.dumps(body)) not in self.scripted.failed:
            self.scripted.failed.add(asked)
            fault = "500"
        if not self._refuse(fault):
            self._stream(body, fault)

    def _refuse(self, fault: str) -> bool:
        """Whether the answer is none of a model's."""
        if fault in _STATUSES:
            self._send_json(int(fault), {"error": {"message": UNTOLD, "type": "scripted"}})
        elif fault == "context":
            error = {"message": UNTOLD, "code": "context_length_exceeded"}
            self._send_json(400, {"error": error})
        elif fault == "garbage":
            self._send(200, "text/html", f"<html>{UNTOLD}</html>".encode())
        elif fault == "silence":
            self._wait_for_hang_up()
        else:
            return False
        return True

    def _stream(self, body: dict[str, Any], fault: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        chunks = list(iter_chunks(body, reply_to(body, fault)))
        breaks_at = {"half": 2, "half-clean": 2, "stall": 2, "error-midway": 2, "garbage-stream": 1}
        for chunk in chunks[: breaks_at.get(fault, len(chunks))]:
            self._send_event(json.dumps(chunk))
            if pause := 0.3 if fault == "slow" else self.scripted.delay:
                time.sleep(pause)
        if fault == "half":
            self.close_connection = True
            return
        if fault == "stall":
            self._wait_for_hang_up()
            return
        last = {
            "garbage-stream": UNTOLD,
            "half-clean": "",
            "error-midway": json.dumps({"error": {"message": UNTOLD, "code": 503}}),
        }
        if data := last.get(fault, "[DONE]"):
            self._send_event(data)
        self.wfile.write(b"0\r\n\r\n")

    def _send_event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.flush()

    def _send_json(self, status: int, value: Any) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body)

    def _wait_for_hang_up(self) -> None:
        self.close_connection = True
        end = time.monotonic() + _LONGEST_SILENCE
        while time.monotonic() < end and not self.scripted.stopping.is_set():
            if select.select([self.connection], [], [], 0.05)[0]:
                return

    def handle(self) -> None:
        """A caller who hangs up is no error."""
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def finish(self) -> None:
        """Neither is one who has gone before the last bytes."""
        try:
            super().finish()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing: the output is the base URL."""


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds between two pieces")
    parser.add_argument("--api-key", default="", help="refuse requests without this key")
    arguments = parser.parse_args()
    model = ScriptedModel(arguments.port, delay=arguments.delay, api_key=arguments.api_key)
    print(model.base_url, flush=True)
    sys.stdin.read()
    os._exit(0)  # Whoever started us is gone; there is nothing to save.


if __name__ == "__main__":
    main()

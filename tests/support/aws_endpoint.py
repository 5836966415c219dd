"""The in-process AWS behind HTTP, for programs in processes of their own.

moto's own server needs Flask, which nothing else here does.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber

_CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/([\w-]+)/(\w+)/aws4_request")
_KMS_ACTIONS = {"ReEncrypt": ("ReEncryptFrom", "ReEncryptTo")}
_WRITES = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


class AWSEndpoint:
    """Where it is, and which rights were used there.

    Attributes:
        url: for `AWS_ENDPOINT_URL`.
        used: IAM's names of the actions, such as `dynamodb:Scan`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.used: set[str] = set()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        """What moto says."""
        region, service = _CREDENTIAL.search(headers["Authorization"]).groups()  # type: ignore[union-attr]
        self.used.update(f"{service}:{each}" for each in _actions(headers, body))
        sent = HTTPHeaders()
        for name, value in headers.items():
            sent[name] = value
        url = f"https://{service}.{region}.amazonaws.com{path}"
        # The class's function as it is now: the tests' fixtures put a lock around it.
        return BotocoreStubber().process_request(AWSPreparedRequest(method, url, sent, body, False))


def _actions(headers: dict[str, str], body: bytes) -> set[str]:
    """What IAM calls an operation; a transaction needs the right to each of its writes."""
    operation = headers["X-Amz-Target"].rpartition(".")[2]
    if operation == "TransactWriteItems":
        written = json.loads(body)["TransactItems"]
        return {_WRITES[kind] for each in written for kind in each}
    return set(_KMS_ACTIONS.get(operation, (operation,)))


@contextmanager
def serving_aws() -> Iterator[AWSEndpoint]:
    """Serve on loopback what `mock_aws` has in this process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, content = endpoint.answer(
                "POST", self.path, dict(self.headers.items()), body
            )
            content = content.encode() if isinstance(content, str) else content
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        endpoint = AWSEndpoint(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield endpoint
        server.shutdown()
        thread.join()

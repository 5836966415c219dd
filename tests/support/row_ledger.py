"""Stands before the local DynamoDB and notes which release wrote which row, and which read it."""

import http.client
import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_CREDENTIAL = re.compile(r"Credential=([^/]+)/")
_WRITES = ("Put", "Update", "Delete", "ConditionCheck")
_SINGLE = {"PutItem": "Put", "UpdateItem": "Update", "DeleteItem": "Delete"}
_REFUSED = ("ConditionalCheckFailedException", "TransactionCanceledException")
Key = tuple[str, str, str]
"""A row: its table, as the stage calls it, and its two keys."""
Row = dict[str, Any]


@dataclass
class Ledger:
    """What has crossed from one release to the other. A release is known by its access key.

    Attributes:
        given: rows that one release wrote last and another was given: row, writer, reader.
        asked: the same of rows of which a condition was asked, such as that there is none.
        attributes: which attributes a release has written to a row.
    """

    prefix: str
    given: set[tuple[Key, str, str]] = field(default_factory=set)
    asked: set[tuple[Key, str, str]] = field(default_factory=set)
    attributes: dict[tuple[Key, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    _writers: dict[Key, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, who: str, operation: str, asked: Row, status: int, answer: Row) -> None:
        """Note a request and its answer."""
        is_refused = str(answer.get("__type", "")).endswith(_REFUSED)
        if status != 200 and not is_refused:
            return
        with self._lock:
            for key in self._rows_in(asked, answer) if status == 200 else ():
                self._cross(self.given, key, who)
            for kind, write in _writes(operation, asked):
                key = self._key(write["TableName"], write.get("Key") or write["Item"])
                if "ConditionExpression" in write:
                    self._cross(self.asked, key, who)
                if kind != "ConditionCheck" and status == 200:
                    self._written(key, who, kind, write)

    def _cross(self, crossings: set[tuple[Key, str, str]], key: Key, reader: str) -> None:
        writer = self._writers.get(key, reader)
        if writer != reader:
            crossings.add((key, writer, reader))

    def _written(self, key: Key, who: str, kind: str, write: Row) -> None:
        if kind == "Delete":
            self._writers.pop(key, None)
            return
        self._writers[key] = who
        names = write.get("ExpressionAttributeNames", {})
        changed = re.findall(r"#\w+", write.get("UpdateExpression", ""))
        self.attributes[key, who].update(write.get("Item", ()), (names[each] for each in changed))

    def _rows_in(self, asked: Row, answer: Row) -> Iterator[Key]:
        found = list(answer.get("Items", ()))
        found += [answer["Item"]] if "Item" in answer else []
        for row in found:
            yield self._key(asked["TableName"], row)
        for table, rows in answer.get("Responses", {}).items():
            for row in rows:
                yield self._key(table, row)

    def _key(self, table: str, row: Row) -> Key:
        return table.removeprefix(self.prefix), row["PK"]["S"], row["SK"]["S"]


def _writes(operation: str, asked: Row) -> Iterator[tuple[str, Row]]:
    if operation == "TransactWriteItems":
        for each in asked["TransactItems"]:
            yield from each.items()
    elif operation in _SINGLE:
        yield _SINGLE[operation], asked


@contextmanager
def keeping_ledger(endpoint: str, prefix: str) -> Iterator[tuple[Ledger, str]]:
    """Keep a ledger of the DynamoDB at an endpoint; the ledger, and the endpoint to use instead."""
    ledger, upstream = Ledger(prefix), endpoint.removeprefix("http://")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            self.dynamodb = http.client.HTTPConnection(upstream)

        def finish(self) -> None:
            self.dynamodb.close()
            super().finish()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.dynamodb.request("POST", self.path, body, dict(self.headers.items()))
            answer = self.dynamodb.getresponse()
            content = answer.read()
            found = _CREDENTIAL.search(self.headers["Authorization"])
            assert found
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            ledger.note(found[1], operation, json.loads(body), answer.status, json.loads(content))
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield ledger, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()

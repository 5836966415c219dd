"""Runs an unpacked function as AWS Lambda would: its own runtime client, behind our Runtime API.

The interface is documented at https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; the
client is `awslambdaric`, which Lambda's managed runtime is made of.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from infra.local.environments import python_of

_PATIENCE_SECONDS = 60
# -I, -S and -B: nothing of this environment is lent, and no bytecode is written, as in Lambda,
# whose task folder is read-only.
_START = """
import sys
sys.path[:0] = [{task!r}, {runtime!r}]
from awslambdaric.__main__ import main
main(["bootstrap", {handler!r}])
"""


class FunctionError(Exception):
    """The function did not start, or failed; the message has what it said."""


@dataclass(frozen=True)
class ColdStart:
    """What starting a function's process and asking it once took."""

    ready_seconds: float
    """Until its code was imported and it asked for the first event."""
    answer_seconds: float
    """From then until the first answer."""
    processor_seconds: float
    """What of both was spent computing, which a busy machine does not stretch as much."""
    resident_bytes: int
    answer: dict[str, Any]

    @property
    def seconds(self) -> float:
        """From the start of the process to the first answer."""
        return self.ready_seconds + self.answer_seconds


class _RuntimeAPI(ThreadingHTTPServer):
    """Hands out one event, and takes its answer."""

    daemon_threads = True

    def __init__(self, event: Mapping[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.event = json.dumps(event).encode()
        self.reports: queue.Queue[tuple[str, float, bytes]] = queue.Queue()
        """What the process says: `ready`, then `response` or `error`; when, and its body."""
        self.asked = 0

    def handle_error(self, *_: object) -> None:
        """The process is killed in the end, while it waits for a second event."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _RuntimeAPI

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Nothing."""

    def do_GET(self) -> None:
        """`/runtime/invocation/next`: the event, once; later asking waits for nothing."""
        self.server.asked += 1
        if self.server.asked > 1:
            threading.Event().wait(_PATIENCE_SECONDS)
            return
        self.server.reports.put(("ready", time.perf_counter(), b""))
        deadline = str(int((time.time() + 30) * 1000))
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
        self.send_header("Lambda-Runtime-Deadline-Ms", deadline)
        self.send_header(
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:us-east-1:000000000000:function:measured",
        )
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.event)))
        self.end_headers()
        self.wfile.write(self.server.event)

    def do_POST(self) -> None:
        """The answer, or an error of the function or of its start."""
        body = self._read()
        kind = "response" if self.path.endswith("/response") else "error"
        self.server.reports.put((kind, time.perf_counter(), body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _read(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        parts = []
        while size := int(self.rfile.readline().strip(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        return b"".join(parts)


def start_cold(
    task: Path, handler: str, event: Mapping[str, Any], environment: Mapping[str, str]
) -> ColdStart:
    """Start a function's process, give it one event, and end it.

    Args:
        task: the folder with its code.
        handler: such as `app.app`.
        event: what API Gateway would send.
        environment: its variables, beside those that Lambda sets.

    Raises:
        FunctionError: it did not start, or raised.
    """
    with _serving(event) as api:
        variables = {**_lambda_variables(task, handler, api.server_address[1]), **environment}
        runtime = next((python_of("lambda").parents[1] / "lib").glob("python3.*/site-packages"))
        script = _START.format(task=str(task), runtime=str(runtime), handler=handler)
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", script],
            cwd=task,
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            ready = _next_report(api, "ready")[0]
            answered, body = _next_report(api, "response")
            computed, resident = _processor_seconds(process.pid), _resident_bytes(process.pid)
        finally:
            process.kill()
            process.wait()
    return ColdStart(ready - started, answered - ready, computed, resident, json.loads(body))


@contextmanager
def _serving(event: Mapping[str, Any]) -> Iterator[_RuntimeAPI]:
    api = _RuntimeAPI(event)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    try:
        yield api
    finally:
        api.shutdown()
        api.server_close()


def _next_report(api: _RuntimeAPI, expected: str) -> tuple[float, bytes]:
    try:
        kind, when, body = api.reports.get(timeout=_PATIENCE_SECONDS)
    except queue.Empty:
        raise FunctionError(f"The function said nothing for {_PATIENCE_SECONDS} s.") from None
    if kind != expected:
        raise FunctionError(f"The function failed: {body.decode()}")
    return when, body


def _lambda_variables(task: Path, handler: str, port: int) -> dict[str, str]:
    """What Lambda sets (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html)."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(task),
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": "measured",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


def _processor_seconds(process_id: int) -> float:
    """Of all its threads (`/proc/pid/task/tid/schedstat`; its first field, in nanoseconds)."""
    threads = Path(f"/proc/{process_id}/task").glob("*/schedstat")
    return sum(int(each.read_text(encoding="ascii").split()[0]) for each in threads) / 1e9


def _resident_bytes(process_id: int) -> int:
    pages = int(Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

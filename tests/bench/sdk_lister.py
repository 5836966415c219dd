"""The MCP Python SDK's client, in a process and an environment of its own."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.support.mcp_peers import PEERS, peers_python

_STOP_SECONDS = 10


class SDKLister:
    """Lists servers' tools, one listing after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def list(self, how: str, urls: Sequence[str]) -> tuple[float, int]:
        """List them in one of the program's ways; the seconds it took there, and the tools."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps({"how": how, "urls": urls}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, "the SDK's program ended; its error is above"
        answer = json.loads(line)
        return float(answer["seconds"]), int(answer["tools"])


@contextmanager
def running_sdk_lister() -> Iterator[SDKLister]:
    """Run the program; it ends with its input."""
    process = subprocess.Popen(
        [peers_python(), "-u", PEERS / "sdk_lister.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    with process:
        try:
            process.stdout.readline()
            yield SDKLister(process)
            process.communicate(timeout=_STOP_SECONDS)
        finally:
            process.kill()

"""Programs that tests run beside themselves."""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_STOP_SECONDS = 5


@contextmanager
def running(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run a program that prints one line once it is ready, and stop it; that line.

    Its standard input ends with us, whatever happens to us.
    """
    with tempfile.TemporaryFile(mode="w+") as problems:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=problems,
            text=True,
        )
        assert process.stdin
        assert process.stdout
        try:
            with process.stdin, process.stdout:
                line = process.stdout.readline().strip()
                if not line:
                    code = process.wait(_STOP_SECONDS)
                    problems.seek(0)
                    raise RuntimeError(f"{command} ended with {code}:\n{problems.read()}")
                yield line
        finally:
            stop(process)


def stop(process: subprocess.Popen[Any], seconds: float = _STOP_SECONDS) -> None:
    """End a program, by force if it takes longer than so many seconds."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

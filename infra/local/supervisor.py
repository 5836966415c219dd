"""Keeping the local worker running, as a process beside ours."""

import os
import subprocess
import sys
import threading
from pathlib import Path

from infra.local.environments import ROOT

_PAUSE_SECONDS = 1.0
_STOP_SECONDS = 10


class SupervisedWorker:
    """The worker, started again whenever it ends; like Lambda, it may be killed at any time.

    Args:
        folder: where `worker.pid` tells which process it is now.
    """

    def __init__(self, folder: Path) -> None:
        self._pid_file = folder / "worker.pid"
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_running, daemon=True)

    def start(self) -> None:
        """Start it; it logs to our standard output once it is ready."""
        self._thread.start()

    def stop(self) -> None:
        """Stop it, and wait a little for the steps that are under way."""
        with self._lock:
            self._stopping.set()
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join()
        self._pid_file.unlink(missing_ok=True)

    def _keep_running(self) -> None:
        while (process := self._launch()) is not None:
            code = process.wait()
            if not self._stopping.wait(_PAUSE_SECONDS):
                print(f"The worker ended with {code}; starting it again.", flush=True)

    def _launch(self) -> subprocess.Popen[bytes] | None:
        """A new process; None once it shall stop."""
        with self._lock:
            if self._stopping.is_set():
                return None
            # A session of its own: Ctrl-C reaches only us, and we stop it in good order.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.local.worker", "--parent", str(os.getpid())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._pid_file.write_text(f"{self._process.pid}\n", encoding="utf-8")
            return self._process

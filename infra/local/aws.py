"""Starting and stopping the local AWS as a process beside ours."""

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from infra.local.environments import ROOT, python_of

REGION = "us-east-1"
_SERVER = ROOT / "infra" / "local" / "aws_server.py"
_READY_SECONDS = 30
_POLL_SECONDS = 0.05
_STOP_SECONDS = 20


class LocalAWSError(Exception):
    """The local AWS did not start; the message says where its log is."""


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class LocalAWS:
    """A ministack on 127.0.0.1 that keeps its state in a folder.

    Args:
        state: the folder.
        lock: a file descriptor that it shall hold open until it has saved and ended.
    """

    def __init__(self, state: Path, lock: int | None = None) -> None:
        self._state = state
        self._log = state / "aws.log"
        self._lock = () if lock is None else (lock,)
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._session = botocore.session.get_session()
        self._clients: dict[str, Any] = {}

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            LocalAWSError: it ended, or did not answer in time.
        """
        environment = {
            **os.environ,
            "GATEWAY_PORT": str(self.port),
            # Its defaults listen on every interface, and on MQTT and SFTP ports as well.
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._state / "aws"),
            "MINISTACK_REGION": REGION,
            "PYTHONDONTWRITEBYTECODE": "",
        }
        with self._log.open("wb") as log:
            # A session of its own: Ctrl-C reaches only us, and we stop it in good order.
            self._process = subprocess.Popen(
                [python_of("aws"), _SERVER],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=self._lock,
            )
        give_up = time.monotonic() + _READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise LocalAWSError(f"The local AWS did not start; see {self._log}.")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop it; it saves its state on the way out."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def environment(self) -> dict[str, str]:
        """The variables that lead AWS clients here, and nowhere else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """A botocore client of it; for each service there is one."""
        if service not in self._clients:
            self._clients[service] = self._session.create_client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id="local",
                aws_secret_access_key="local",  # noqa: S106 -- ministack asks for some, and checks none
                config=Config(s3={"addressing_style": "path"}),
            )
        return self._clients[service]

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

"""The worker of a local run, as tests see and kill it."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import botocore.session

from tests.support.local_stack import LocalRun

R = TypeVar("R")
_PATIENCE_SECONDS = 30
_POLL_SECONDS = 0.05


def until(look: Callable[[], R | None], what: str, patience: float = _PATIENCE_SECONDS) -> R:
    """What `look` finds, once it finds something."""
    give_up = time.monotonic() + patience
    while time.monotonic() < give_up:
        found = look()
        if found:
            return found
        time.sleep(_POLL_SECONDS)
    raise AssertionError(f"waited in vain for {what}")


def pid_of_worker(state: Path, other_than: int = 0) -> int:
    """Which process it is; after a kill, the one that follows it."""

    def look() -> int | None:
        file = state / "worker.pid"
        pid = int(file.read_text(encoding="utf-8") or "0") if file.exists() else 0
        return pid if pid != other_than else None

    return until(look, "the worker's pid")


def logged(run: LocalRun, **fields: Any) -> list[dict[str, Any]]:
    """What the run has logged with these fields, in the API or in the worker."""
    parsed = [json.loads(line) for line in run.output.splitlines() if line.startswith("{")]
    return [line for line in parsed if fields.items() <= line.items()]


def aws_of_worker(pid: int, service: str) -> Any:
    """A client of the run's AWS, to which the worker's environment leads."""
    variables = Path(f"/proc/{pid}/environ").read_text(encoding="utf-8").split("\0")
    environment = dict(each.split("=", 1) for each in variables if each)
    return botocore.session.get_session().create_client(
        service,
        region_name=environment["AWS_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def send_hints(sqs: Any, *chat_ids: str) -> None:
    """Hint, as the product does, that these chats have a next step."""
    url = sqs.get_queue_url(QueueName="ciborium-local-turns")["QueueUrl"]
    for chat_id in chat_ids:
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"chat_id": chat_id}))


def is_running(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

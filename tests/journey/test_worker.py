"""The worker of the local run, as a process that may die at any time."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import botocore.session

from chalicelib.primitives import new_id
from tests.support.local_stack import LocalRun

R = TypeVar("R")
PATIENCE_SECONDS = 30


def until(look: Callable[[], R | None], what: str) -> R:
    """What `look` finds, once it finds something."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


def pid_of_worker(state: Path, other_than: int = 0) -> int:
    def look() -> int | None:
        file = state / "worker.pid"
        pid = int(file.read_text(encoding="utf-8") or "0") if file.exists() else 0
        return pid if pid != other_than else None

    return until(look, "the worker's pid")


def lines(run: LocalRun, **fields: Any) -> list[dict[str, Any]]:
    """What the run has logged with these fields."""
    logged = [json.loads(line) for line in run.output.splitlines() if line.startswith("{")]
    return [line for line in logged if fields.items() <= line.items()]


def send(worker: int, *chat_ids: str) -> None:
    """Send hints to the queue of a run, which the worker's environment leads to."""
    variables = Path(f"/proc/{worker}/environ").read_text(encoding="utf-8").split("\0")
    environment = dict(each.split("=", 1) for each in variables if each)
    client: Any = botocore.session.get_session().create_client(
        "sqs",
        region_name=environment["AWS_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    url = client.get_queue_url(QueueName="ciborium-local-turns")["QueueUrl"]
    for chat_id in chat_ids:
        client.send_message(QueueUrl=url, MessageBody=json.dumps({"chat_id": chat_id}))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_local_run_takes_hints_and_its_clock_ticks(tmp_path: Path) -> None:
    chat_id = new_id()
    with LocalRun(tmp_path, CIBORIUM_REAPER_SECONDS="0.2") as run:
        worker = pid_of_worker(tmp_path)
        send(worker, chat_id)
        until(lambda: lines(run, message="turn", chat_id=chat_id), "the step")
        until(lambda: len(lines(run, message="reaper")) > 1, "a second tick")
        assert run.stop() == 0
    assert not is_running(worker)
    assert not lines(run, level="ERROR")


def test_a_killed_worker_is_followed_by_one_that_takes_the_hints(tmp_path: Path) -> None:
    chat_ids = [new_id() for _ in range(3)]
    with LocalRun(tmp_path) as run:
        first = pid_of_worker(tmp_path)
        until(lambda: lines(run, message="worker ready", pid=first), "the first worker")
        os.kill(first, signal.SIGKILL)
        second = pid_of_worker(tmp_path, other_than=first)
        send(second, *chat_ids)
        for chat_id in chat_ids:
            until(lambda id_=chat_id: lines(run, message="turn", chat_id=id_), chat_id)  # type: ignore[misc]
        assert f"The worker ended with {-signal.SIGKILL}; starting it again." in run.output
        assert run.stop(signal.SIGINT) == 0
    assert not is_running(second)


def test_the_worker_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    with LocalRun(tmp_path) as run:
        worker = pid_of_worker(tmp_path)
        run.stop(signal.SIGKILL)
    until(lambda: not is_running(worker), "the worker's end")

"""The worker of the local run, as a process that may die at any time."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.primitives import new_id
from tests.support.local_stack import LocalRun
from tests.support.local_worker import (
    aws_of_worker,
    is_running,
    logged,
    pid_of_worker,
    send_hints,
    until,
)

_MOST_RACES = 5


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of `run`."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def run(state: Path) -> Iterator[LocalRun]:
    """A run whose worker the tests kill, each a later one; the last ends with it."""
    with LocalRun(state) as running:
        yield running
        worker = pid_of_worker(state)
        assert running.stop(signal.SIGINT) == 0
    assert not is_running(worker)


def test_the_local_run_takes_hints_and_its_clock_ticks(tmp_path: Path) -> None:
    chat_id = new_id()
    with LocalRun(tmp_path, CIBORIUM_REAPER_SECONDS="0.2") as run:
        worker = pid_of_worker(tmp_path)
        send_hints(aws_of_worker(worker, "sqs"), chat_id)
        until(lambda: logged(run, message="turn", chat_id=chat_id), "the step")
        until(lambda: len(logged(run, message="reaper")) > 1, "a second tick")
        assert run.stop() == 0
    assert not is_running(worker)
    assert not logged(run, level="ERROR")


def test_a_killed_worker_is_followed_by_one_that_takes_the_hints(
    run: LocalRun, state: Path
) -> None:
    chat_ids = {new_id() for _ in range(3)}
    first = pid_of_worker(state)
    until(lambda: logged(run, message="worker ready", pid=first), "the first worker")
    os.kill(first, signal.SIGKILL)
    second = pid_of_worker(state, other_than=first)
    send_hints(aws_of_worker(second, "sqs"), *chat_ids)

    def are_all_done() -> bool:
        return {line["chat_id"] for line in logged(run, message="turn")} >= chat_ids

    until(are_all_done, "three steps")
    assert f"The worker ended with {-signal.SIGKILL}; starting it again." in run.output


def test_a_hint_that_a_killed_worker_had_taken_comes_again(run: LocalRun, state: Path) -> None:
    """Taken by the test in the worker's place, while there is none; it is never deleted."""
    chat_id = new_id()
    worker = pid_of_worker(state)
    sqs = aws_of_worker(worker, "sqs")
    url = sqs.get_queue_url(QueueName="ciborium-local-turns")["QueueUrl"]
    taken: list[Any] = []

    def is_ready() -> list[dict[str, Any]]:
        return logged(run, message="worker ready", pid=worker)

    def is_done() -> list[dict[str, Any]]:
        return logged(run, message="turn", chat_id=chat_id)

    # The next worker may be quicker than the test, and so may the killed one's last question:
    # the local queue answers it although nobody listens any more.
    for _ in range(_MOST_RACES):
        until(is_ready, "a worker")
        os.kill(worker, signal.SIGKILL)
        send_hints(sqs, chat_id)
        taken = sqs.receive_message(QueueUrl=url, VisibilityTimeout=3).get("Messages", [])
        if taken:
            break
        worker, chat_id = pid_of_worker(state, other_than=worker), new_id()
    assert [chat_id in message["Body"] for message in taken] == [True]
    until(is_done, "the step")


def test_the_worker_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    with LocalRun(tmp_path) as run:
        worker = pid_of_worker(tmp_path)
        run.stop(signal.SIGKILL)
    until(lambda: not is_running(worker), "the worker's end")


def test_a_wrong_setting_of_the_worker_is_one_clear_line(tmp_path: Path) -> None:
    code, output = LocalRun(tmp_path, CIBORIUM_REAPER_SECONDS="often").run_to_its_end()
    assert code == 1
    assert output.splitlines()[-1].startswith("Cannot start: CIBORIUM_REAPER_SECONDS must be")

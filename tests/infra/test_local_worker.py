"""The local run's worker, with functions of the test's own: what Lambda promises, it does too."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from infra.local.worker import AT_ONCE, Handlers, Runner
from tests.support import aws

pytestmark = pytest.mark.usefixtures("local_aws")
QUEUE = f"ciborium-{aws.STAGE}-turns"
PATIENCE_SECONDS = 20


class Mailbox:
    """The queue, as the test sees it."""

    def __init__(self) -> None:
        self.client = aws.client("sqs")
        self.url = self.client.get_queue_url(QueueName=QUEUE)["QueueUrl"]

    def send(self, body: str) -> None:
        self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def left(self) -> int:
        """How many messages are there, visible or not."""
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        return sum(
            int(found["Attributes"][f"ApproximateNumberOfMessages{suffix}"])
            for suffix in ("", "NotVisible")
        )


@contextmanager
def running(handlers: Handlers, redelivery_seconds: int = 60) -> Iterator[None]:
    """A runner in a thread; when this ends it has ended, and all that it had to delete is gone."""
    # moto answers one request after the other: none may wait for messages.
    runner = Runner(handlers, aws.client("sqs"), QUEUE, redelivery_seconds, 3600, wait_seconds=0)
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        yield
    finally:
        runner.stop()
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def functions(
    turns: Callable[[Any, Any], Any], reaper: Callable[[Any, Any], Any] = lambda *_: None
) -> Handlers:
    return {"turns": turns, "reaper": reaper}


def test_a_message_whose_step_is_done_is_deleted() -> None:
    mailbox, called, bodies = Mailbox(), threading.Event(), list[str]()

    def turns(event: Any, context: Any) -> dict[str, Any]:
        bodies.extend(record["body"] for record in event["Records"])
        called.set()
        return {"batchItemFailures": []}

    mailbox.send("one")
    with running(functions(turns)):
        assert called.wait(PATIENCE_SECONDS)
    assert (bodies, mailbox.left()) == (["one"], 0)


def test_a_message_that_the_function_calls_failed_comes_again() -> None:
    mailbox, counts, twice = Mailbox(), list[str](), threading.Event()

    def turns(event: Any, context: Any) -> dict[str, Any]:
        [record] = event["Records"]
        counts.append(record["attributes"]["ApproximateReceiveCount"])
        if len(counts) == 1:
            return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
        twice.set()
        return {"batchItemFailures": []}

    mailbox.send("one")
    with running(functions(turns), redelivery_seconds=1):
        assert twice.wait(PATIENCE_SECONDS)
    # On a busy machine the deletion may come too late for a third delivery.
    assert (counts[:2], mailbox.left()) == (["1", "2"], 0)


def test_a_message_at_which_the_function_breaks_stays_and_the_worker_lives_on() -> None:
    mailbox, good = Mailbox(), threading.Event()

    def turns(event: Any, context: Any) -> None:
        if event["Records"][0]["body"] == "bad":
            raise ValueError
        good.set()

    for _ in range(AT_ONCE):  # Enough to end every thread, if that ended one.
        mailbox.send("bad")
    mailbox.send("good")
    with running(functions(turns)):
        assert good.wait(PATIENCE_SECONDS)
    assert mailbox.left() == AT_ONCE


def test_several_steps_are_done_at_once() -> None:
    mailbox, together = Mailbox(), threading.Barrier(AT_ONCE + 1)

    def turns(event: Any, context: Any) -> None:
        together.wait(PATIENCE_SECONDS)

    for number in range(AT_ONCE):
        mailbox.send(str(number))
    with running(functions(turns)):
        together.wait(PATIENCE_SECONDS)  # Breaks unless all of them are under way.
    assert mailbox.left() == 0


def test_the_clock_ticks_at_the_start_and_a_failing_reaper_stops_nothing() -> None:
    mailbox, ticked, taken = Mailbox(), threading.Event(), threading.Event()

    def reaper(event: Any, context: Any) -> None:
        assert json.dumps(event)
        ticked.set()
        raise ValueError

    mailbox.send("one")
    with running(functions(lambda *_: taken.set(), reaper)):
        assert ticked.wait(PATIENCE_SECONDS)
        assert taken.wait(PATIENCE_SECONDS)

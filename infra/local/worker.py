"""What starts functions in AWS, beside the local run: the queue of hints, and the clock.

It calls the handlers that app.py registers with the events that Lambda would, several at once, and
deletes a message only when its step is done. So it may be killed at any time: what it had taken
comes again.

    python -m infra.local.worker [--parent PID]

With a parent it ends as soon as that is gone.
"""

import argparse
import atexit
import gc
import math
import os
import re
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice
from chalice.local import LambdaContext

from chalicelib import events
from chalicelib.bootstrap import services_from_environment
from chalicelib.config import Settings, SettingsError
from chalicelib.logs import describe_exception, get_logger

AT_ONCE = 4
_STEP_SECONDS = 180  # A function's timeout; not enforced here.
_WAIT_SECONDS = 1
_PAUSE_SECONDS = 1.0  # After a failure of the local AWS.
_WATCH_SECONDS = 0.25
_END_SECONDS = 5.0  # For steps that are under way when it is told to stop.
_LONGEST_SECONDS = 43200  # Of SQS.

Message = dict[str, Any]
Handlers = Mapping[str, Callable[[Any, Any], Any]]


class Runner:
    """Takes messages and ticks, until told to stop.

    Args:
        handlers: the functions, by name.
        client: an SQS client, which threads may share.
        queue: the queue's name.
        redelivery_seconds: after how long a message comes again that nobody deleted. Longer than a
            chat's lease: what comes earlier finds a chat that its dead worker still holds.
        reaper_seconds: how far apart the clock's ticks are.
        wait_seconds: how long the queue may take to answer that it is empty.
    """

    def __init__(
        self,
        handlers: Handlers,
        client: Any,
        queue: str,
        redelivery_seconds: int,
        reaper_seconds: float,
        wait_seconds: int = _WAIT_SECONDS,
    ) -> None:
        self._handlers = handlers
        self._client = client
        self._queue = queue
        self._redelivery_seconds = redelivery_seconds
        self._reaper_seconds = reaper_seconds
        self._wait_seconds = wait_seconds
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until `stop` is called, and a little longer for what is under way."""
        work = [self._take_messages] * AT_ONCE + [self._tick]
        threads = [threading.Thread(target=each, daemon=True) for each in work]
        for thread in threads:
            thread.start()
        get_logger().info("worker ready", extra={"fields": {"pid": os.getpid()}})
        self._stopping.wait()
        give_up = time.monotonic() + _END_SECONDS
        for thread in threads:
            thread.join(max(0.0, give_up - time.monotonic()))

    def stop(self, *_: object) -> None:
        """Take no more; a handler of signals."""
        self._stopping.set()

    def _take_messages(self) -> None:
        for url, message in self._messages():
            if self._is_done(events.TURNS, {"Records": [_record(message)]}):
                self._ask("delete_message", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _messages(self) -> Iterator[tuple[str, Message]]:
        while not self._stopping.is_set():
            found = self._ask("get_queue_url", QueueName=self._queue)
            while found and not self._stopping.is_set():
                answer = self._ask(
                    "receive_message",
                    QueueUrl=found["QueueUrl"],
                    MaxNumberOfMessages=1,
                    WaitTimeSeconds=self._wait_seconds,
                    VisibilityTimeout=self._redelivery_seconds,
                    MessageSystemAttributeNames=["All"],
                )
                for message in (answer or {}).get("Messages", []):
                    yield found["QueueUrl"], message

    def _tick(self) -> None:
        """Once at the start, too: the run before may have left chats without a hint."""
        while True:
            self._is_done(events.REAPER, _scheduled_event())
            if self._stopping.wait(self._reaper_seconds):
                return

    def _is_done(self, function: str, event: Message) -> bool:
        """Call a function; whether it neither failed nor answers that the message did."""
        context = LambdaContext(function, 1024, max_runtime_ms=_STEP_SECONDS * 1000)
        try:
            answer = self._handlers[function](event, context)
        except Exception as exc:  # noqa: BLE001 -- Lambda, too, outlives whatever its code does
            fields = {"function": function, **describe_exception(exc)}
            get_logger().error("function failed", extra={"fields": fields})
            return False
        return not (answer or {}).get("batchItemFailures")

    def _ask(self, operation: str, **arguments: Any) -> Message | None:
        """SQS's answer; None, after a pause, if it gave none."""
        try:
            answer: Message = getattr(self._client, operation)(**arguments)
        except (BotoCoreError, ClientError) as exc:
            if not self._stopping.is_set():
                fields = {"operation": operation, **describe_exception(exc)}
                get_logger().warning("queue request failed", extra={"fields": fields})
            self._stopping.wait(_PAUSE_SECONDS)
            return None
        return answer


def _record(message: Message) -> Message:
    """A message as Lambda's event source hands it over."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
    }


def _scheduled_event() -> Message:
    """What EventBridge sends at each tick of a schedule."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "region": "us-east-1",
        "resources": [],
        "detail": {},
    }


def _end_with_parent(runner: Runner, parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    runner.stop()


def read_intervals(environment: Mapping[str, str]) -> tuple[int, float]:
    """After how long messages come again, and how far apart the clock's ticks are.

    Raises:
        SettingsError: a variable is no number of seconds.
    """
    redelivery = _seconds(environment, "CIBORIUM_REDELIVERY_SECONDS", "35")
    return math.ceil(redelivery), _seconds(environment, "CIBORIUM_REAPER_SECONDS", "60")


def read_lease(environment: Mapping[str, str]) -> timedelta:
    """How long a chat waits for a worker that gives no sign of life.

    Raises:
        SettingsError: the variable is no number of seconds.
    """
    return timedelta(seconds=_seconds(environment, "CIBORIUM_LEASE_SECONDS", "30"))


def _seconds(environment: Mapping[str, str], name: str, default: str) -> float:
    text = environment.get(name, "") or default
    if not re.fullmatch(r"\d+(\.\d+)?", text) or not 0 < float(text) <= _LONGEST_SECONDS:
        raise SettingsError(f"{name} must be a number of seconds, such as {default}.")
    return float(text)


def main() -> None:
    """Run until told to stop, or until its parent is gone."""
    atexit.register(gc.freeze)  # Else a quarter second goes into looking through all once more.
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int)
    parent = parser.parse_args().parent
    try:
        services = services_from_environment(read_lease(os.environ))
        services()  # Configures the log as well.
        settings = Settings.from_environment(os.environ)
        intervals = read_intervals(os.environ)
    except SettingsError as exc:
        sys.exit(f"Cannot start the worker: {exc}")
    config = Config(
        connect_timeout=2,
        read_timeout=_WAIT_SECONDS + 10,
        max_pool_connections=AT_ONCE,
        retries={"total_max_attempts": 1},
    )
    client = botocore.session.get_session().create_client("sqs", config=config)
    app = Chalice(app_name="ciborium", configure_logs=False)
    events.register(app, services)
    runner = Runner(app.handler_map, client, settings.turns_queue, *intervals)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, runner.stop)
    if parent is not None:
        threading.Thread(target=_end_with_parent, args=(runner, parent), daemon=True).start()
    runner.run()


if __name__ == "__main__":
    main()

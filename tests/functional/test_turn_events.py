"""Hints that a chat may have a next step: sending them, and what the two handlers do with them."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from chalice.app import Chalice

from chalicelib import events
from chalicelib.primitives import new_id
from chalicelib.storage import StorageUnavailableError
from tests.support import aws
from tests.support.deployment import Deployment

TICK = {
    "version": "0",
    "id": "0b1f0f5e-0000-4000-8000-000000000000",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-11-25T00:00:00Z",
    "region": aws.REGION,
    "resources": [],
    "detail": {},
}


@dataclass
class Worker:
    """Remembers which chats it was given, and fails for those that it is told to."""

    failures: dict[str, Exception] = field(default_factory=dict)
    handled: list[str] = field(default_factory=list)
    stuck: int | Exception = 0

    def handle(self, chat_id: str) -> None:
        self.handled.append(chat_id)
        if chat_id in self.failures:
            raise self.failures[chat_id]

    def wake_stuck(self) -> int:
        if isinstance(self.stuck, Exception):
            raise self.stuck
        return self.stuck


def app_with(deployment: Deployment, worker: Worker) -> Chalice:
    """The deployment's Lambdas, with this worker behind them."""
    app = Chalice(app_name="ciborium", configure_logs=False)
    vars(deployment.services)["turns"] = worker
    events.register(app, lambda: deployment.services)
    return app


def deliver(app: Chalice, *bodies: str) -> Any:
    """What the function answers to an event with these messages, numbered from 0."""
    records = [
        {"messageId": str(number), "receiptHandle": "r", "body": body}
        for number, body in enumerate(bodies)
    ]
    return app.handler_map["turns"]({"Records": records}, None)


def hint(chat_id: str) -> str:
    return json.dumps({"chat_id": chat_id})


def queued() -> list[dict[str, Any]]:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=f"ciborium-{aws.STAGE}-turns")["QueueUrl"]
    found: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url).get("Messages", [])
    return found


def logged(deployment: Deployment, message: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in deployment.log_lines]
    return [line for line in lines if line["message"] == message]


def test_a_sent_hint_reaches_the_function_that_performs_the_step(deployment: Deployment) -> None:
    chat_id, worker = new_id(), Worker()
    deployment.services.turn_queue.send(chat_id)
    [message] = queued()
    assert deliver(app_with(deployment, worker), message["Body"]) == {"batchItemFailures": []}
    assert worker.handled == [chat_id]
    [line] = logged(deployment, "turn")
    assert (line["chat_id"], line["level"]) == (chat_id, "INFO")


def test_a_warm_container_sends_a_hint_with_one_call(deployment: Deployment) -> None:
    queue = deployment.services.turn_queue
    deployment.aws_calls.reset()
    queue.send(new_id())
    assert deployment.aws_calls.calls == {"sqs.GetQueueUrl": 1, "sqs.SendMessage": 1}
    deployment.aws_calls.reset()
    queue.send(new_id())
    assert deployment.aws_calls.calls == {"sqs.SendMessage": 1}


def test_a_delayed_hint_is_not_there_at_once(deployment: Deployment) -> None:
    deployment.services.turn_queue.send(new_id(), delay_seconds=30)
    assert queued() == []


def test_a_delay_longer_than_sqs_allows_is_cut_and_not_refused(deployment: Deployment) -> None:
    deployment.services.turn_queue.send(new_id(), delay_seconds=86400)
    assert logged(deployment, "turn hint lost, left to the reaper") == []


def test_a_hint_that_cannot_be_sent_is_logged_and_fails_nobody(deployment: Deployment) -> None:
    chat_id, queue = new_id(), deployment.services.turn_queue
    deployment.aws_calls.refuse_after = 0
    queue.send(chat_id)
    [line] = logged(deployment, "turn hint lost, left to the reaper")
    assert (line["chat_id"], line["level"], line["exception"]) == (
        chat_id,
        "WARNING",
        "ClientError",
    )
    assert "refused by a test" not in json.dumps(line)
    deployment.aws_calls.refuse_after = None
    queue.send(chat_id)  # The failure is not remembered.
    assert [json.loads(each["Body"]) for each in queued()] == [{"chat_id": chat_id}]


def test_only_the_hints_that_failed_come_again(deployment: Deployment) -> None:
    good, bad, last = new_id(), new_id(), new_id()
    worker = Worker({bad: StorageUnavailableError("The database did not answer.")})
    answer = deliver(app_with(deployment, worker), hint(good), hint(bad), hint(last))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert worker.handled == [good, bad, last]
    lines = logged(deployment, "turn")
    assert [each["outcome"] for each in lines] == ["done", "failed", "done"]
    line = lines[1]
    assert (line["chat_id"], line["level"], line["FailedSteps"]) == (bad, "ERROR", 1)
    assert line["code"] == StorageUnavailableError.code


def test_an_unforeseen_error_is_logged_without_its_text(deployment: Deployment) -> None:
    chat_id = new_id()
    worker = Worker({chat_id: ValueError("sk-secret")})
    answer = deliver(app_with(deployment, worker), hint(chat_id))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    [line] = logged(deployment, "turn")
    assert line["exception"] == "ValueError"
    assert "sk-secret" not in "".join(deployment.log_lines)


@pytest.mark.parametrize(
    "body", ["", "no JSON", "[]", "{}", '{"chat_id": 7}', '{"chat_id": "../x"}', '"text"', "null"]
)
def test_a_message_that_names_no_chat_is_logged_and_dropped(
    deployment: Deployment, body: str
) -> None:
    worker = Worker()
    assert deliver(app_with(deployment, worker), body) == {"batchItemFailures": []}
    assert worker.handled == []
    [line] = logged(deployment, "turn")
    assert (line["message_id"], line["outcome"]) == ("0", "dropped")


def test_the_clock_wakes_stuck_chats(deployment: Deployment) -> None:
    app_with(deployment, Worker(stuck=3)).handler_map["reaper"](TICK, None)
    [line] = logged(deployment, "reaper")
    assert line["woken"] == 3


def test_a_reaper_that_fails_says_so_without_the_errors_text(deployment: Deployment) -> None:
    app = app_with(deployment, Worker(stuck=ValueError("sk-secret")))
    app.handler_map["reaper"](TICK, None)
    [line] = logged(deployment, "reaper")
    assert (line["level"], line["exception"], line["FailedTasks"]) == ("ERROR", "ValueError", 1)
    assert "sk-secret" not in "".join(deployment.log_lines)

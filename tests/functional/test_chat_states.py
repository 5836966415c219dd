"""What the owner may do with a chat in each of its statuses, and what becomes of it."""

from collections.abc import Callable

import httpx
import pytest

from tests.support.chat_owner import WAYS, Owner, new_owner
from tests.support.chats import text
from tests.support.deployment import Deployment, error_of
from tests.support.worker import ask, claim

DECISION = {"decisions": [{"tool_call_id": "call-1", "approved": False}]}
ACTIONS: dict[str, Callable[[Owner, str], httpx.Response]] = {
    "send": lambda owner, path: owner.say(path, "More"),
    "send at once": lambda owner, path: owner.say(path, "More", busy_behavior="interrupt"),
    "edit": lambda owner, path: owner.edit(path, 1, "Or else"),
    "interrupt": lambda owner, path: owner.client.post(f"{path}/interrupt"),
    "retry": lambda owner, path: owner.client.post(f"{path}/retry"),
    "decide": lambda owner, path: owner.client.post(f"{path}/tool-approvals", json=DECISION),
    "archive": lambda owner, path: owner.change(path, archived=True),
    "rename": lambda owner, path: owner.change(path, title="Other"),
}
# In the order of WAYS; `x` is a refusal that changes nothing, `+` means that the message waits.
TABLE = {
    "send": "pending +pending +running +interrupting +requires_action pending",
    "send at once": "pending pending +interrupting +interrupting pending pending",
    "edit": "pending pending pending pending pending pending",
    "interrupt": "x waiting interrupting interrupting waiting x",
    "retry": "x x x x x pending",
    "decide": "x x x x pending x",
    "archive": "waiting x x x x error",
    "rename": "waiting pending running interrupting requires_action error",
}


def outcome(owner: Owner, action: str, status: str) -> str:
    path = owner.start(status=status)
    assert owner.status(path) == status
    answer = ACTIONS[action](owner, path)
    if answer.status_code >= 400:
        assert error_of(answer) == (409, "chat_status")
        assert status in answer.json()["detail"]
        assert owner.status(path) == status
        return "x"
    waits = bool(answer.content) and answer.json().get("queued")
    assert bool(owner.queue(path)) == bool(waits)
    return f"{'+' if waits else ''}{owner.status(path)}"


@pytest.mark.parametrize("action", ACTIONS)
def test_in_every_status_an_action_does_what_the_table_says(
    deployment: Deployment, action: str
) -> None:
    owner = new_owner(deployment)
    assert " ".join(outcome(owner, action, status) for status in WAYS) == TABLE[action]


def test_what_goes_on_to_something_else_leaves_no_tool_call_without_a_result(
    deployment: Deployment,
) -> None:
    owner = new_owner(deployment)
    for action in ("send at once", "interrupt"):
        path = owner.start()
        owner.work(path, claim, ask("call-1", "call-2"))
        ACTIONS[action](owner, path).raise_for_status()
        messages = owner.get(f"{path}/messages", after_id=2)["messages"]
        results = messages[0]["content"]
        assert messages[0]["role"] == "tool"
        assert [each["tool_call_id"] for each in results] == ["call-1", "call-2"]
        assert all(each["is_error"] for each in results)
        assert owner.get(path)["pending_tool_calls"] == []


def test_tool_calls_are_decided_on_one_by_one_and_only_those_that_wait(
    deployment: Deployment,
) -> None:
    owner = new_owner(deployment)
    path = owner.start()
    owner.work(path, claim, ask("call-1", "call-2"))
    chat = owner.get(path)
    assert [each["tool_call_id"] for each in chat["pending_tool_calls"]] == ["call-1", "call-2"]
    assert chat["action_deadline"] > chat["updated_at"]
    decided = owner.client.post(f"{path}/tool-approvals", json=DECISION).json()
    assert decided["status"] == "requires_action"
    assert [each["tool_call_id"] for each in decided["pending_tool_calls"]] == ["call-2"]
    again = owner.client.post(f"{path}/tool-approvals", json=DECISION)
    assert error_of(again) == (409, "chat_status")
    other = {"decisions": [{"tool_call_id": "call-2", "approved": True}]}
    decided = owner.client.post(f"{path}/tool-approvals", json=other).json()
    assert (decided["status"], decided["pending_tool_calls"]) == ("pending", [])
    assert "action_deadline" not in decided


def test_a_failed_turn_says_why_until_the_next_one_begins(deployment: Deployment) -> None:
    owner = new_owner(deployment)
    path = owner.start(status="error")
    error = owner.get(path)["last_error"]
    assert (error["kind"], error["retryable"]) == ("unavailable", True)
    assert owner.client.post(f"{path}/retry").json()["status"] == "pending"
    assert "last_error" not in owner.get(path)
    assert owner.texts(path) == ["Hello"], "a retry says nothing new"


@pytest.mark.parametrize("action", ["send", "send at once", "edit", "retry"])
def test_an_archived_chat_takes_no_message(deployment: Deployment, action: str) -> None:
    owner = new_owner(deployment)
    path = owner.start(status="error")
    owner.change(path, archived=True).raise_for_status()
    assert error_of(ACTIONS[action](owner, path)) == (400, "chat_archived")
    assert owner.texts(path) == ["Hello"]
    owner.change(path, archived=False).raise_for_status()
    assert ACTIONS[action](owner, path).status_code == 200


def test_of_two_that_change_a_chat_at_once_neither_is_lost(deployment: Deployment) -> None:
    owner = new_owner(deployment)
    path = owner.start(status="running")
    deployment.aws_calls.meanwhile = lambda: owner.say(path, "First").raise_for_status()
    answer = owner.say(path, "Second")
    assert answer.json()["queued"]
    assert owner.queue(path) == ["First", "Second"]


def test_a_chat_that_is_written_again_and_again_is_409(deployment: Deployment) -> None:
    owner = new_owner(deployment)
    path = owner.start(status="running")

    def disturb() -> None:
        owner.work(path)
        deployment.aws_calls.meanwhile = disturb

    owner.client.get(path)  # Notes that the token is used.
    deployment.aws_calls.meanwhile = disturb
    body = {"content": text("Hello")}
    refused = owner.client.post(f"{path}/messages", json=body)
    deployment.aws_calls.meanwhile = None
    assert error_of(refused) == (409, "chat_changed")
    assert owner.queue(path) == []

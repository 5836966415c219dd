"""Workers that meet, come late, come twice, or die: no message is lost, and none doubled."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from chalicelib.encryption import EncryptionUnavailableError
from chalicelib.primitives import new_id
from chalicelib.storage import StorageUnavailableError
from chalicelib.turns.thinking import MOST_TRIES
from tests.support.chats import CHATS, text
from tests.support.people import USERS, default_organization, join, new_person
from tests.support.tool_server import add_tools
from tests.support.turns import Talk


def said(talk: Talk, chat_id: str) -> list[str]:
    """Everything that was said, in words."""
    return [
        "".join(part.get("text", part["type"]) for part in each["content"])
        for each in talk.messages(chat_id)
    ]


def test_a_hint_for_a_chat_that_is_not_there_or_at_rest_changes_nothing(talk: Talk) -> None:
    worker = talk.world.deployment.services.turns
    worker.handle(new_id())
    worker.handle("nonsense")
    chat_id, chat = talk.ask("hello")
    for _ in range(3):
        assert talk.step(chat_id) == chat
    assert len(talk.model.requests) == 1


def test_a_second_hint_while_a_worker_is_at_it_changes_nothing(talk: Talk) -> None:
    chat_id = talk.start("hello")
    talk.meanwhile.append(lambda: talk.step(chat_id))
    assert talk.step(chat_id)["status"] == "waiting"
    assert len(talk.model.requests) == 1
    assert said(talk, chat_id) == ["hello", "You said: hello"]


def test_of_workers_that_begin_at_once_one_asks_the_model(talk: Talk) -> None:
    chat_id, everybody = talk.start("hello"), threading.Barrier(4, timeout=20)

    def work() -> None:
        everybody.wait()
        talk.world.deployment.take_step(chat_id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(talk.model.requests) == 1
    assert said(talk, chat_id) == ["hello", "You said: hello"]


def test_a_lost_workers_chat_is_taken_over_and_its_late_answer_refused(talk: Talk) -> None:
    chat_id, clock = talk.start("hello"), talk.world.deployment.clock

    def take_over() -> None:
        clock.advance(seconds=31)
        assert talk.step(chat_id)["status"] == "waiting"

    talk.meanwhile.append(take_over)
    chat = talk.step(chat_id)
    assert chat["status"] == "waiting"
    assert len(talk.model.requests) == 2
    assert said(talk, chat_id) == ["hello", "You said: hello"]


def test_a_chat_is_not_taken_over_before_its_lease_has_run_out(talk: Talk) -> None:
    chat_id, clock = talk.start("hello"), talk.world.deployment.clock
    talk.lose_a_worker(chat_id)
    clock.advance(seconds=29)
    assert talk.step(chat_id)["status"] == "running"
    clock.advance(seconds=1)
    assert talk.step(chat_id)["status"] == "waiting"
    assert len(talk.model.requests) == 1


def test_a_step_that_every_worker_dies_of_is_given_up(talk: Talk) -> None:
    chat_id, clock = talk.start("hello"), talk.world.deployment.clock
    for _ in range(MOST_TRIES + 1):
        talk.lose_a_worker(chat_id)
        clock.advance(seconds=31)
    chat = talk.step(chat_id)
    assert (chat["status"], chat["last_error"]["kind"]) == ("error", "step_lost")
    assert talk.model.requests == []
    assert talk.post(chat_id, "retry").status_code == 200
    assert talk.run(chat_id)["status"] == "waiting"


def test_a_tool_call_is_repeated_under_the_id_that_it_had(talk: Talk) -> None:
    """The worker dies between the call and the commit: the call was made, nobody knows it."""
    server, calls = add_tools(talk.world, "a", "look"), talk.world.deployment.aws_calls
    chat_id = talk.start("use look", mcp_server_ids=[server.id])
    talk.step(chat_id)

    def cut_off() -> None:
        calls.refuse_after = 0

    server.meanwhile = cut_off
    with pytest.raises(StorageUnavailableError):
        talk.world.deployment.take_step(chat_id)
    server.meanwhile, calls.refuse_after = None, None
    assert talk.chat(chat_id)["status"] == "running"
    talk.world.deployment.clock.advance(seconds=31)
    assert talk.run(chat_id)["status"] == "waiting"
    first, second = server.call_ids
    assert first == second
    assert len(talk.parts(chat_id, "tool-result")) == 1


def test_two_calls_of_one_chat_never_have_the_same_id(talk: Talk) -> None:
    server = add_tools(talk.world, "a", "look")
    chat_id, _ = talk.ask("use look and use look", mcp_server_ids=[server.id])
    talk.say(chat_id, "use look").raise_for_status()
    talk.run(chat_id)
    assert len(set(server.call_ids)) == 3


@pytest.mark.parametrize("let_through", range(12))
def test_storage_that_fails_anywhere_in_a_step_leaves_no_chat_stuck(
    talk: Talk, let_through: int
) -> None:
    deployment = talk.world.deployment
    chat_id = talk.start("hello")
    deployment.aws_calls.refuse_after = let_through
    with suppress(StorageUnavailableError, EncryptionUnavailableError):
        deployment.take_step(chat_id)
    deployment.aws_calls.refuse_after = None
    for _ in range(10):
        if talk.chat(chat_id)["status"] in {"waiting", "error"}:
            break
        deployment.clock.advance(seconds=61)
        assert deployment.services.turns.wake_stuck() == 1
        deployment.take_step(chat_id)
    assert talk.chat(chat_id)["status"] == "waiting"
    assert said(talk, chat_id) == ["hello", "You said: hello"]


def test_an_edit_while_a_step_is_at_work_discards_what_comes_of_it(talk: Talk) -> None:
    chat_id = talk.start("first")

    def edit() -> None:
        path = f"{CHATS}/{chat_id}/messages/1"
        talk.client.patch(path, json={"content": text("second")}).raise_for_status()

    talk.meanwhile.append(edit)
    assert talk.step(chat_id)["status"] == "pending"
    assert talk.run(chat_id)["status"] == "waiting"
    assert said(talk, chat_id) == ["second", "You said: second"]


def test_other_changes_of_a_chat_at_work_lose_neither_themselves_nor_the_answer(
    talk: Talk,
) -> None:
    chat_id = talk.start("hello")

    def rename() -> None:
        talk.client.patch(f"{CHATS}/{chat_id}", json={"title": "New"}).raise_for_status()

    talk.meanwhile.append(rename)
    chat = talk.step(chat_id)
    assert (chat["title"], chat["status"]) == ("New", "waiting")
    assert said(talk, chat_id) == ["hello", "You said: hello"]


def test_messages_that_wait_are_answered_in_their_order(talk: Talk) -> None:
    chat_id = talk.start("one")
    for word in ("two", "three", "four"):
        assert talk.say(chat_id, word).json()["queued"]
    last = talk.client.get(f"{CHATS}/{chat_id}/messages").json()["queued_messages"][-1]
    talk.post(chat_id, f"queue/{last['id']}/promote").raise_for_status()
    assert talk.run(chat_id)["status"] == "waiting"
    questions = [each for each in said(talk, chat_id) if not each.startswith("You said")]
    assert questions == ["one", "four", "two", "three"]
    assert said(talk, chat_id)[-1] == "You said: three"


def test_a_chat_that_is_deleted_under_a_step_stays_deleted(talk: Talk) -> None:
    chat_id = talk.start("hello")
    path = f"{CHATS}/{chat_id}"
    talk.meanwhile.append(lambda: talk.client.delete(path).raise_for_status())
    talk.world.deployment.take_step(chat_id)
    assert talk.client.get(path).status_code == 404
    talk.world.deployment.take_step(chat_id)
    assert len(talk.model.requests) == 1


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_suspended_owners_chat_goes_no_further(talk: Talk, when: str) -> None:
    mara = new_person(talk.world.deployment)
    join(talk.world.deployment, default_organization(talk.world.deployment), mara)
    hers, server = replace(talk, token=mara.token), add_tools(talk.world, "a", "look")
    chat_id = hers.start("use look", mcp_server_ids=[server.id])

    def suspend(is_over: str = "suspend") -> None:
        with talk.world.deployment.admin as admin:
            admin.put(f"{USERS}/{mara.id}/status/{is_over}").raise_for_status()

    suspending: Callable[[], None] = suspend
    if when == "during":
        talk.meanwhile.append(suspending)
    else:
        suspending()
    worker = talk.world.deployment.services.turns
    for _ in range(3):
        worker.handle(chat_id)
    assert server.calls == []
    suspend("activate")
    chat = hers.chat(chat_id)
    assert (chat["status"], chat["last_error"]["kind"]) == ("error", "not_allowed")


def test_the_reaper_wakes_those_whose_hint_or_worker_is_lost_and_no_others(talk: Talk) -> None:
    worker, clock = talk.world.deployment.services.turns, talk.world.deployment.clock
    pending, running = talk.start("one"), talk.start("two")
    talk.ask("at rest")
    talk.ask("failed #model:400")
    talk.lose_a_worker(running)
    assert worker.wake_stuck() == 0
    clock.advance(seconds=29)
    assert worker.wake_stuck() == 0
    clock.advance(seconds=1)
    assert worker.wake_stuck() == 1
    clock.advance(seconds=30)
    assert worker.wake_stuck() == 2
    for chat_id in (pending, running):
        assert talk.run(chat_id)["status"] == "waiting"
    clock.advance(hours=5)
    assert worker.wake_stuck() == 0

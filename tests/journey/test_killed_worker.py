"""A worker that is killed again and again, as a process, while it works on many chats.

`pytest -s tests/journey/test_killed_worker.py` prints the figures.
"""

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from chalicelib.sdk import Client
from chalicelib.sdk.chats import (
    Chat,
    ChatMessage,
    ChatStatus,
    MessageRole,
    Text,
    ToolCall,
    ToolResult,
)
from chalicelib.sdk.requests.chats import CreateChatRequest, TextPart
from infra.local.models import ensure_model
from infra.local.scripted_model import ScriptedModel
from tests.support.local_stack import ADMIN_TOKEN, LocalRun
from tests.support.local_worker import logged, pid_of_worker, until
from tests.support.mcp_peers import running_mcp_server
from tests.support.servers import create_server

KILLS = int(os.environ.get("KILLS", "4"))
"""The gate has no time for more; `KILLS=20` is what docs/performance.md tells of."""
FIRST_CHATS = 4
TURNS = 2
LEASE_SECONDS = 3
PATIENCE_SECONDS = 90
"""The reaper waits a minute for a hint that the worker had taken when it had not begun with it."""
_REST = {ChatStatus.WAITING, ChatStatus.ERROR}
_TURN = [MessageRole.USER, MessageRole.ASSISTANT, MessageRole.TOOL, MessageRole.ASSISTANT]


@dataclass
class Stage:
    """A local run whose worker may be killed, and what its chats talk to."""

    run: LocalRun
    state: Path
    client: Client
    model: ScriptedModel
    diary: Path
    server_id: str
    kills: list[float] = field(default_factory=list)

    def start(self, number: int) -> Chat:
        """A chat whose every turn calls a slow tool; all but the first turn wait in its queue."""
        [organization] = self.client.list_organizations()
        request = CreateChatRequest(
            organization_id=organization.id,
            mcp_server_ids=[self.server_id],
            content=[TextPart(type="text", text=question(number, 0))],
        )
        chat = self.client.experimental.create_chat(request)
        for turn in range(1, TURNS):
            self.client.experimental.chat(chat.id).send(question(number, turn))
        return chat

    def naps(self) -> list[tuple[str, str, float]]:
        """What the tool has written down: begin or end, of which call, when."""
        lines = self.diary.read_text(encoding="utf-8").splitlines() if self.diary.exists() else []
        return [(what, label, float(at)) for what, label, at in map(str.split, lines)]

    def has_call_under_way(self, since: float) -> bool:
        """Whether a call has begun since then that has not ended."""
        recent = [nap for nap in self.naps() if nap[2] > since]
        ended = Counter(label for what, label, _ in recent if what == "end")
        return any(what == "begin" and not ended[label] for what, label, _ in recent)

    def kill(self, pid: int) -> None:
        """No signal handler, no farewell."""
        os.kill(pid, signal.SIGKILL)
        self.kills.append(time.time())

    def wait_for_rest(self, chat_id: str) -> Chat:
        """The chat, once its turn is over and none waits."""

        def look() -> Chat | None:
            chat = self.client.experimental.get_chat(chat_id)
            return chat if chat.status in _REST else None

        return until(look, "a chat at rest", PATIENCE_SECONDS)

    def messages(self, chat_id: str) -> list[ChatMessage]:
        """All of a chat's, oldest first."""
        page = self.client.experimental.list_chat_messages(chat_id, after_id=0, limit=200)
        assert not page.has_more
        return page.messages


@contextmanager
def staged(folder: Path, redelivery_seconds: int) -> Iterator[Stage]:
    """Everything, in processes of its own; only the model is in this one."""
    diary = folder / "naps"
    with running_mcp_server("--naps", str(diary)) as mcp_url, ScriptedModel(delay=0.02) as model:
        run = LocalRun(
            folder / "state",
            CIBORIUM_REDELIVERY_SECONDS=str(redelivery_seconds),
            CIBORIUM_REAPER_SECONDS="1",
            CIBORIUM_LEASE_SECONDS=str(LEASE_SECONDS),
        )
        with run, run.client() as admin, Client(run.url, ADMIN_TOKEN) as client:
            ensure_model(client, model.base_url, "", "scripted")
            server = create_server(admin, slug="bed", url=mcp_url, auth_type="none", enabled=True)
            yield Stage(run, folder / "state", client, model, diary, server["id"])


def question(chat: int, turn: int) -> str:
    """What the scripted model makes a call of the slow tool of."""
    seconds = 0.2 + 0.2 * ((chat + turn) % 4)
    return f'use nap {{"label": "{chat}-{turn}", "seconds": {seconds:.1f}}}'


@pytest.mark.timeout(300)  # On a busy machine every new worker takes seconds to get ready.
def test_chats_survive_a_worker_that_is_killed_again_and_again(tmp_path: Path) -> None:
    """At random moments, and in every other case while a tool is at work."""
    chance = random.Random(5)
    with staged(tmp_path, redelivery_seconds=2) as stage:
        chats = [stage.start(number) for number in range(FIRST_CHATS)]
        pid, inside, began = 0, 0, time.time()
        for number in range(KILLS):
            pid = pid_of_worker(stage.state, other_than=pid)
            until(partial(logged, stage.run, message="worker ready", pid=pid), "the worker")
            chats.append(stage.start(len(chats)))
            moment = time.time() + chance.uniform(0.0, 0.7)
            until(lambda moment=moment: time.time() > moment, "the moment")  # type: ignore[misc]
            if number % 2:
                until(partial(stage.has_call_under_way, moment), "a tool call")
            inside += stage.has_call_under_way(moment)
            stage.kill(pid)
        ends = [stage.wait_for_rest(chat.id) for chat in chats]
        rested = time.time()
        lost = [chat for chat in ends if chat.status is ChatStatus.ERROR]
        for chat in lost:  # Whoever loses the same step six times is told so, and can go on.
            assert chat.last_error
            assert (chat.last_error.kind, chat.last_error.retryable) == ("step_lost", True)
            stage.client.experimental.retry_chat(chat.id)
        for number, chat in enumerate(chats):
            check(number, stage.wait_for_rest(chat.id), stage.messages(chat.id))
        print(f"\n{KILLS} kills, {inside} of them inside a tool call")
        print(f"{len(chats)} chats of {TURNS} turns, {len(lost)} of them gave up and were retried")
        print_repetitions(stage)
        last = stage.kills[-1]
        print(f"{last - began:.1f} s of killing, at rest {rested - last:.1f} s after the last")
        assert inside >= KILLS // 2
        assert stage.run.stop() == 0


@pytest.mark.timeout(300)
def test_hints_that_are_lost_with_their_worker_are_made_good_by_the_reaper(tmp_path: Path) -> None:
    """What the worker had taken does not come again while the test lasts."""
    with staged(tmp_path, redelivery_seconds=600) as stage:
        pid = pid_of_worker(stage.state)
        chats = [stage.start(number) for number in range(3)]
        until(partial(stage.has_call_under_way, 0.0), "a tool call")
        stage.kill(pid)
        for number, chat in enumerate(chats):
            check(number, stage.wait_for_rest(chat.id), stage.messages(chat.id))
        print(f"\nat rest {time.time() - stage.kills[-1]:.1f} s after the kill")
        assert sum(line["woken"] for line in logged(stage.run, message="reaper")) > 0
        assert stage.run.stop() == 0


def check(number: int, chat: Chat, messages: list[ChatMessage]) -> None:
    """Nothing is lost, nothing is there twice, and every call has its one result."""
    assert chat.status is ChatStatus.WAITING, (chat, chat.last_error)
    assert [each.id for each in messages] == list(range(1, len(messages) + 1))
    said = [each for each in messages if each.role is not MessageRole.SYSTEM]  # News of servers.
    assert [each.role for each in said] == _TURN * TURNS
    for turn in range(TURNS):
        asked, called, answered, final = said[turn * len(_TURN) :][: len(_TURN)]
        [words] = asked.content
        assert isinstance(words, Text)
        assert words.text == question(number, turn)
        [call] = [part for part in called.content if isinstance(part, ToolCall)]
        [result] = answered.content
        assert isinstance(result, ToolResult)
        assert (result.tool_call_id, result.is_error) == (call.tool_call_id, False)
        text = "".join(part.text for part in final.content if isinstance(part, Text))
        assert f"slept well: {number}-{turn}" in text


def print_repetitions(stage: Stage) -> None:
    """How often steps were done again, and how long it took until they were."""
    begun: dict[str, list[float]] = {}
    for what, label, at in stage.naps():
        if what == "begin":
            begun.setdefault(label, []).append(at)
    again = [later - sooner for each in begun.values() for sooner, later in pairwise(each)]
    asked = Counter(json.dumps(each, sort_keys=True) for each in stage.model.requests)
    repeated = sum(asked.values()) - len(asked)
    print(f"{len(again)} of {len(begun)} tool calls made again, after {max(again):.1f} s at most")
    print(f"{repeated} of {len(asked)} questions to the model asked again")

"""AWS that loses the answers of writes while workers take a turn: model, tool, answer.

What fails without having happened is in test_turn_workers.py. Here the write was made, and nobody
was told.
"""

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from chalicelib.errors import UnavailableError
from tests.support.faults import WITH_EFFECT, Wire, fingerprint
from tests.support.identity_provider import SETTINGS
from tests.support.journey import start_world
from tests.support.tool_server import ToolServer, add_tools
from tests.support.turns import Talk, talking

WRITES = {"UpdateItem", "PutItem", "DeleteItem", "TransactWriteItems"}
AT_REST = {"waiting", "error", "requires_action"}
MOST_LOOKS = 12
# A step that was lost may have asked the model, or called the tool, for nothing; and previews that
# the messages have replaced end by themselves.
MAY_DIFFER = ("chats: CHAT / LIVE",)


def look(talk: Talk, chat_id: str) -> str:
    """A worker looks at a chat, whatever happens to it; where the chat stands then."""
    with suppress(UnavailableError):
        talk.world.deployment.services.turns.handle(chat_id)
    return str(talk.chat(chat_id)["status"])


def finish(talk: Talk, chat_id: str) -> None:
    """Hints and the clock go on until the chat is at rest."""
    for _ in range(MOST_LOOKS):
        if look(talk, chat_id) in AT_REST:
            return
        talk.world.deployment.clock.advance(seconds=61)
        talk.world.deployment.services.turns.wake_stuck()
    raise AssertionError(talk.chat(chat_id))


def told(talk: Talk, chat_id: str) -> list[Any]:
    """What the messages say, without ids and times."""
    parts = talk.parts(chat_id)
    return [(part["type"], part.get("text"), part.get("result")) for part in parts]


def left_of(before: Counter[str]) -> dict[str, int]:
    after = fingerprint()
    after.subtract(before)
    return {
        kind: number for kind, number in after.items() if number and not kind.startswith(MAY_DIFFER)
    }


def start(talk: Talk, server: ToolServer) -> str:
    server.calls.clear()
    return talk.start("use look", mcp_server_ids=[server.id])


@pytest.mark.parametrize("times", [1, 3], ids=["once", "until the retries end"])
def test_no_lost_answer_of_a_write_changes_what_a_turn_comes_to(wire: Wire, times: int) -> None:
    with talking(start_world(SETTINGS)) as talk:
        server = add_tools(talk.world, "a", "look")
        talk.run(start(talk, server))  # From now on there are data keys, and counters.
        chat_id, before = start(talk, server), fingerprint()
        with wire.armed():
            talk.run(chat_id)
        expected, said = left_of(before), told(talk, chat_id)
        writes = [
            number
            for number, attempt in enumerate(wire.attempts)
            if attempt.rpartition(".")[2] in WRITES
        ]
        assert len(writes) >= 6
        for number in writes:
            chat_id, before = start(talk, server), fingerprint()
            fault = WITH_EFFECT[number % len(WITH_EFFECT)]
            with wire.armed(fault, range(number, number + times)):
                for _ in range(3):
                    look(talk, chat_id)
            finish(talk, chat_id)
            assert told(talk, chat_id) == said, (number, fault.name)
            assert left_of(before) == expected, (number, fault.name)
            assert len(set(server.call_ids)) == 1
            if times == 1:
                assert len(server.calls) == 1

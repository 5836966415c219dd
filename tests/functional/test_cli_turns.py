"""`ciborium chat` and the SDK's sessions, with a worker and a model that answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.sdk import ConflictError, NotFoundError
from chalicelib.sdk.chats import StreamEvent, Text
from chalicelib.sdk.requests.chats import (
    CreateChatMessageRequest,
    CreateChatRequest,
    EditChatMessageRequest,
    FilePart,
    TextPart,
    ToolDecision,
    UpdateChatRequest,
)
from chalicelib.sdk.requests.chats import DecideToolCallsRequest as Decide
from tests.support.chat_worker import WorkingTransport, types_of
from tests.support.cli import Terminal, terminal_of
from tests.support.deployment import ADMIN_TOKEN
from tests.support.journey import World, connect_url
from tests.support.sdk import sdk_client
from tests.support.turns import Talk, talking

SEARCH = 'use search {"query": "broken"}'


@pytest.fixture
def talk(world: World) -> Iterator[Talk]:
    """Somebody to talk to."""
    with talking(world) as talk:
        yield talk


@pytest.fixture
def terminal(talk: Talk, tmp_path: Path) -> Terminal:
    """A terminal at a deployment whose worker works while somebody looks."""
    deployment = talk.world.deployment
    terminal = terminal_of(deployment, tmp_path, ADMIN_TOKEN)
    terminal.transport = WorkingTransport(deployment, terminal.transport)
    return terminal


def test_a_question_is_answered_and_asked_further(terminal: Terminal) -> None:
    ran = terminal.ok("chat", "What is new?")
    assert (ran.out, ran.err) == ("You said: What is new?\n", "")
    assert terminal.ok("chat", "And now?", "--continue").out == "You said: And now?\n"
    shown = terminal.ok("chats", "show", "What is new?").out
    assert "\n> And now?\n\nYou said: And now?\n" in shown
    typed = "One\nTwo\n"
    assert terminal.ok("chat", typed=typed).out == "You said: One\nYou said: Two\n"
    assert len(terminal.ok("chats", "list", "--json").json) == 2


def test_a_tool_is_called_and_its_answer_shown(terminal: Terminal, talk: Talk) -> None:
    talk.world.connected()
    ran = terminal.ok("chat", SEARCH, "--server", "tickets")
    assert '[calls tickets__search: {"query": "broken"}]' in ran.err
    assert "[tickets__search answered: " in ran.err
    assert "tickets__search answered: " in ran.out


def test_a_server_that_is_not_connected_says_where_to_connect(
    terminal: Terminal, talk: Talk
) -> None:
    server = talk.world.register()
    ran = terminal.ok("chat", "Hello", "--server", "tickets")
    assert ran.out == "You said: Hello\n"
    assert ran.err == f"[{server['display_name']}: connect first, at {connect_url(server['id'])}]\n"
    assert "server-event" in terminal.ok("chat", "Hello", "--server", "tickets", "--json").out


@pytest.mark.parametrize(
    ("options", "typed", "outcome"),
    [
        (["--approve", "all"], "", "answered"),
        (["--approve", "none"], "", "failed"),
        ([], "y\n", "answered"),
        ([], "n\n", "failed"),
    ],
)
def test_a_tool_that_is_asked_about_is_called_if_it_is_approved(
    terminal: Terminal, talk: Talk, options: list[str], typed: str, outcome: str
) -> None:
    talk.world.connected(tool_rules={"search": "ask"})
    terminal.is_attended = True
    ran = terminal.ok("chat", SEARCH, "--server", "tickets", *options, typed=typed)
    assert f"tickets__search {outcome}: " in ran.out
    assert '[tickets__search is to be called with {"query": "broken"}]' in ran.err


def test_a_model_that_refuses_is_exit_code_1(terminal: Terminal) -> None:
    ran = terminal.run("chat", "Hello #model:401")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error: The turn failed: ")
    ran = terminal.run("chat", "Hello #model:401", "--json")
    assert (ran.code, types_of(ran.out)[-1]) == (1, "error")


def test_a_model_that_stumbles_is_asked_again(terminal: Terminal) -> None:
    assert terminal.ok("chat", "Hello #model:flaky").out == "You said: Hello\n"


def test_events_are_lines_of_json(terminal: Terminal) -> None:
    told = types_of(terminal.ok("chat", "Hello", "--json").out)
    assert told.count("message") == 2
    assert told[-1] == "status"


def words(text: str) -> list[TextPart | FilePart]:
    return [TextPart(type="text", text=text)]


def test_a_session_of_the_sdk_talks_and_follows(talk: Talk) -> None:
    deployment = talk.world.deployment
    with sdk_client(deployment) as client:
        organization_id = client.list_organizations()[0].id
        made = client.experimental.create_chat(
            CreateChatRequest(organization_id=organization_id, content=words("Hello"))
        )
        chat = client.experimental.chat(made.id)
        talk.run(made.id)
        assert said(chat.stream()) == ["Hello", "You said: Hello"]
        chat.send("More")
        talk.run(made.id)
        assert said(chat.stream()) == ["More", "You said: More"]
        assert said(chat.stream()) == []
        assert said(client.experimental.stream_chat(made.id, after_id=2))[0] == "More"


def said(events: Iterator[StreamEvent]) -> list[str]:
    messages = [event.message for event in events if event.message is not None]
    return [
        "".join(part.text for part in each.content if isinstance(part, Text)) for each in messages
    ]


def test_every_transition_of_a_chat_has_its_method(talk: Talk) -> None:
    server_id = talk.world.connected(tool_rules={"search": "ask"})
    chat_id = talk.start(SEARCH, mcp_server_ids=[server_id])
    with sdk_client(talk.world.deployment) as client:
        chats = client.experimental
        waiting = CreateChatMessageRequest(content=words("Later"))
        first, second = (chats.create_chat_message(chat_id, waiting) for _ in range(2))
        assert first.queued
        assert second.queued_message is not None
        chats.delete_queued_chat_message(chat_id, second.queued_message.id)
        assert talk.run(chat_id)["status"] == "requires_action"
        [call] = chats.get_chat(chat_id).pending_tool_calls
        decision = ToolDecision(tool_call_id=call.tool_call_id, approved=True)
        assert chats.decide_tool_calls(chat_id, Decide(decisions=[decision])).status == "pending"
        with pytest.raises(ConflictError):
            chats.decide_tool_calls(chat_id, Decide(decisions=[decision]))
        assert first.queued_message is not None
        chats.promote_queued_chat_message(chat_id, first.queued_message.id)
        assert talk.run(chat_id)["status"] == "waiting"
        assert talk.answer(chat_id) == "You said: Later"
        edit = EditChatMessageRequest(content=words("Hello #model:401"))
        edited = chats.edit_chat_message(chat_id, 1, edit)
        assert talk.run(chat_id)["status"] == "error"
        assert [each.id for each in chats.iter_chat_messages(chat_id)] == [edited.id]
        assert chats.chat(chat_id).retry().status == "pending"
        assert chats.chat(chat_id).interrupt().status == "waiting"
        with pytest.raises(ConflictError):
            chats.interrupt_chat(chat_id)
        with pytest.raises(ConflictError):
            chats.retry_chat(chat_id)
        chats.update_chat(chat_id, UpdateChatRequest(title="Lifts", labels={"team": "red"}))
        assert [each.id for each in chats.list_chats(q="lifts", labels=["team:red"])] == [chat_id]
        assert chats.list_chats(labels=["team:red", "team:blue"]) == []
        assert list(chats.iter_chats(q="doors")) == []
        chats.delete_chat(chat_id)
        with pytest.raises(NotFoundError):
            chats.get_chat(chat_id)

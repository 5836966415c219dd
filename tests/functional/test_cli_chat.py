"""`ciborium chat`: what a terminal shows of a chat, and what becomes of what is typed there."""

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.chat_feed import (
    Event,
    Feed,
    asks,
    chat,
    failed,
    now,
    said,
    saying,
    text,
    tool_call,
    tool_result,
)
from tests.support.chats import CHATS, offer_model
from tests.support.cli import Terminal
from tests.support.journey import World
from tests.support.servers import create_server

QUESTION = "What is broken?"
ASKED: list[Event] = [said(1, text(QUESTION), role="user"), *now("pending")]
ANSWERED: list[list[Event]] = [
    [*now("running"), saying(2, "The lift "), saying(2, "is.")],
    [said(2, text("The lift is.")), *now("waiting")],
]
CALLED: list[Event] = [said(2, text("Let me see."), tool_call("c1"))]


@dataclass
class Scene:
    """A terminal at a deployment whose chats go on as a script says."""

    terminal: Terminal
    feed: Feed
    world: World

    def play(self, *script: list[Event]) -> None:
        self.feed.script[:] = script

    def chats(self) -> list[dict[str, Any]]:
        with self.world.deployment.admin as admin:
            found: list[dict[str, Any]] = admin.get(CHATS).json()
        return found

    def messages(self, chat_id: str) -> list[str]:
        with self.world.deployment.admin as admin:
            page = admin.get(f"{CHATS}/{chat_id}/messages?after_id=0").json()
        return [each["content"][0]["text"] for each in page["messages"]]


@pytest.fixture
def scene(world: World, terminal: Terminal) -> Scene:
    offer_model(world.deployment)
    feed = Feed([ASKED, *ANSWERED], below=terminal.transport)
    terminal.transport = feed
    return Scene(terminal, feed, world)


def accept(scene: Scene, end: str, *more: list[Event]) -> None:
    """Answer a request to this path, after which the chat goes on so."""

    def answer() -> httpx.Response:
        scene.feed.script += more
        return httpx.Response(200, json=chat())

    scene.feed.answers[("POST", end)] = answer


def test_a_question_gets_its_answer_and_nothing_else(scene: Scene) -> None:
    ran = scene.terminal.ok("chat", QUESTION)
    assert (ran.out, ran.err) == ("The lift is.\n", "")
    [made] = scene.chats()
    assert (made["title"], scene.messages(made["id"])) == (QUESTION, [QUESTION])


def test_a_question_can_be_read(scene: Scene) -> None:
    scene.terminal.ok("chat", "-", typed="What is\nbroken?\n")
    [made] = scene.chats()
    assert scene.messages(made["id"]) == ["What is\nbroken?"]


def test_a_turn_that_failed_is_exit_code_1(scene: Scene) -> None:
    scene.play(ASKED, failed("The model is out of reach."))
    ran = scene.terminal.run("chat", QUESTION)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "Error: The turn failed: The model is out of reach.\n"


def test_tool_calls_and_results_are_shown_beside_the_answer(scene: Scene) -> None:
    result = said(3, tool_result("c1", "Ticket 7\n" + "x" * 500), role="tool")
    scene.play(ASKED, CALLED, [result], [said(4, text("The lift is.")), *now("waiting")])
    ran = scene.terminal.ok("chat", QUESTION)
    assert ran.out == "Let me see.\nThe lift is.\n"
    called, answered = ran.err.splitlines()
    assert called == '[calls tickets__search: {"query": "broken"}]'
    assert answered.startswith("[tickets__search answered: Ticket 7 xxx")
    assert answered.endswith("…]")
    assert len(answered) < 250


def test_a_server_to_connect_to_is_shown_with_its_link(scene: Scene) -> None:
    link = "https://ciborium.example/prod/api/experimental/mcp/servers/x/oauth2/connect"
    events = [
        {
            "type": "server-event",
            "mcp_server_config_id": "s",
            "server_name": "Tickets",
            "outcome": "connect_required",
            "connect_url": link,
        },
        {
            "type": "server-event",
            "mcp_server_config_id": "s",
            "server_name": "Wiki",
            "outcome": "timeout",
            "detail": "It did not answer within 5 seconds.",
        },
    ]
    scene.play([*ASKED, said(2, *events)], *ANSWERED)
    assert scene.terminal.ok("chat", QUESTION).err.splitlines() == [
        f"[Tickets: connect first, at {link}]",
        "[Wiki: timeout: It did not answer within 5 seconds.]",
    ]


def test_a_remark_waits_until_the_model_has_finished_its_sentence(scene: Scene) -> None:
    news = {
        "type": "server-event",
        "mcp_server_config_id": "s",
        "server_name": "Wiki",
        "outcome": "no_tools",
    }
    told = [said(2, news, role="system"), said(3, text("The lift is.")), *now("waiting")]
    scene.play([*ASKED, saying(2, "The li")], told)
    ran = scene.terminal.ok("chat", QUESTION)
    assert (ran.out, ran.err) == ("The lift is.\n", "[Wiki: no tools]\n")


def test_an_answer_that_begins_anew_is_shown_whole(scene: Scene) -> None:
    again = [{"type": "preview_reset"}, saying(2, "The door")]
    other = said(2, text("The door is."))
    scene.play(ASKED, [saying(2, "The li")], again, [other, *now("waiting")])
    assert scene.terminal.ok("chat", QUESTION).out == "The li\nThe door is.\n"
    scene.play(ASKED, [saying(2, "The li")], [other, *now("waiting")])
    assert scene.terminal.ok("chat", QUESTION).out == "The li\nThe door is.\n"


def test_nothing_that_models_or_tools_say_commands_the_terminal(scene: Scene) -> None:
    evil = "\x1b]0;title\x07\x9b31m\u202egnp"
    call = tool_call("c1", f"t{evil}", {evil: evil})
    scene.play(
        [*ASKED, saying(2, f"a{evil}")],
        [said(2, text(f"a{evil}b{evil}"), call)],
        [said(3, tool_result("c1", evil, is_error=True), role="tool")],
        failed(f"No{evil}"),
    )
    ran = scene.terminal.run("chat", QUESTION)
    shown = ran.out + ran.err
    assert "t ]0;title" in shown
    assert "failed:" in shown
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
    lines = scene.terminal.run("chat", QUESTION, "--json").out
    assert lines.isascii()
    assert "\x1b" not in lines


def test_with_json_every_event_is_a_line(scene: Scene) -> None:
    lines = scene.terminal.ok("chat", QUESTION, "--json").out.splitlines()
    played = [event for batch in [ASKED, *ANSWERED] for event in batch]
    assert [json.loads(line)["type"] for line in lines] == [event["type"] for event in played]
    assert json.loads(lines[-3])["message"]["content"] == [text("The lift is.")]
    scene.play(ASKED, failed("No."))
    ran = scene.terminal.run("chat", QUESTION, "--json")
    assert ran.code == 1
    assert json.loads(ran.err)["error"]["message"] == "The turn failed: No."


@pytest.mark.parametrize(
    ("options", "typed", "attended", "decided"),
    [
        ([], "", False, False),
        (["--approve", "none"], "y\n", True, False),
        (["--approve", "all"], "", False, True),
        ([], "y\n", True, True),
        ([], "n\n", True, False),
    ],
)
def test_a_tool_that_is_asked_about_is_decided_on(
    scene: Scene, options: list[str], typed: str, attended: bool, decided: bool
) -> None:
    scene.terminal.is_attended = attended
    scene.play([*ASKED, *CALLED, *asks(("c1", "tickets__search"))])
    accept(scene, "/tool-approvals", [said(4, text("Done.")), *now("waiting")])
    ran = scene.terminal.ok("chat", QUESTION, *options, typed=typed)
    decisions = [{"tool_call_id": "c1", "approved": decided}]
    assert scene.feed.posted == [("/tool-approvals", {"decisions": decisions})]
    assert ran.out == "Let me see.\nDone.\n"
    assert '[tickets__search is to be called with {"query": "broken"}]' in ran.err


def test_who_approves_sees_all_of_the_arguments(scene: Scene) -> None:
    call = tool_call("c1", args={"text": "x" * 5000 + "!"})
    scene.play([*ASKED, said(2, call), *asks(("c1", "tickets__search"))])
    accept(scene, "/tool-approvals", now("waiting"))
    assert "x" * 5000 + "!" in scene.terminal.ok("chat", QUESTION, "--approve", "all").err


def test_a_decision_that_comes_too_late_ends_nothing(scene: Scene) -> None:
    scene.play([*ASKED, *CALLED, *asks(("c1", "tickets__search"))])

    def too_late() -> httpx.Response:
        scene.feed.script += [[said(4, text("Done.")), *now("waiting")]]
        body = {"message": "No tool call waits.", "code": "chat_status", "request_id": "r"}
        return httpx.Response(409, json=body)

    scene.feed.answers[("POST", "/tool-approvals")] = too_late
    ran = scene.terminal.ok("chat", QUESTION, "--approve", "all")
    assert ran.out.endswith("Done.\n")
    assert "No tool call waits." in ran.err


def test_a_conversation_goes_on_in_one_chat(scene: Scene) -> None:
    with scene.world.deployment.admin as admin:
        create_server(admin, slug="tickets", enabled=True)
    scene.terminal.is_attended = True
    reply = {"queued": False, "message": said(3, text("And?"), role="user")["message"]}

    def answer() -> httpx.Response:
        scene.feed.script += [[said(4, text("No more.")), *now("waiting")]]
        return httpx.Response(200, json=reply)

    scene.feed.answers[("POST", "/messages")] = answer
    ran = scene.terminal.ok("chat", "--server", "tickets", typed=f"{QUESTION}\n\nAnd?\n")
    assert ran.out == "The lift is.\nNo more.\n"
    [made] = scene.chats()
    assert len(made["mcp_server_ids"]) == 1
    assert scene.feed.posted == [("/messages", {"content": [text("And?")]})]
    assert ran.err.startswith("Ctrl-C interrupts an answer")
    assert ran.err.endswith(f"Go on with it: ciborium chat --continue={made['id']}\n")


def test_a_turn_that_failed_can_be_tried_again(scene: Scene) -> None:
    scene.terminal.is_attended = True
    scene.play(ASKED, failed("The model is out of reach."))
    accept(scene, "/retry", *ANSWERED)
    ran = scene.terminal.ok("chat", typed=f"{QUESTION}\ny\n")
    assert "The turn failed: The model is out of reach." in ran.err
    assert ran.out == "The lift is.\n"


def test_ctrl_c_interrupts_the_turn_and_not_the_chat(scene: Scene) -> None:
    scene.play([*ASKED, saying(2, "The li")])
    scene.feed.failures[1] = [KeyboardInterrupt()]
    accept(scene, "/interrupt", [said(2, text("The li")), *now("waiting")])
    ran = scene.terminal.ok("chat", typed=f"{QUESTION}\n")
    assert ran.out == "The li\n"
    assert [end for end, _ in scene.feed.posted] == ["/interrupt"]


def test_a_second_ctrl_c_leaves(scene: Scene) -> None:
    scene.play(ASKED)
    scene.feed.failures[1] = [KeyboardInterrupt(), KeyboardInterrupt()]
    accept(scene, "/interrupt")
    ran = scene.terminal.run("chat", QUESTION)
    assert ran.code == 1
    assert ran.err.endswith("Aborted!\n")


def test_ctrl_c_where_a_decision_is_asked_for_interrupts_the_turn(scene: Scene) -> None:
    scene.terminal.is_attended = True
    scene.play([*ASKED, *CALLED, *asks(("c1", "tickets__search"))])
    accept(scene, "/interrupt", now("waiting"))
    scene.terminal.ok("chat", QUESTION, typed="")  # The end of the input is as good.
    assert [end for end, _ in scene.feed.posted] == ["/interrupt"]


def test_a_chat_is_gone_on_with_from_its_last_exchange(scene: Scene) -> None:
    scene.terminal.ok("chat", QUESTION)
    [made] = scene.chats()
    scene.feed.polls.clear()
    ran = scene.terminal.ok("chat", "--continue")
    assert ran.out == "The lift is.\n"
    assert scene.feed.polls[0] == {"after_id": "0", "wait": "20"}
    sent = {"queued": False, "message": said(3, text("And?"), role="user")["message"]}
    scene.feed.answers[("POST", "/messages")] = lambda: httpx.Response(200, json=sent)
    scene.feed.polls.clear()
    for reference in (made["id"], QUESTION.upper(), "last"):
        scene.terminal.ok("chat", "And?", "--no-servers", f"--continue={reference}")
        body = {"content": [text("And?")], "mcp_server_ids": []}
        assert scene.feed.posted.pop() == ("/messages", body)
    assert scene.feed.polls[0] == {"after_id": "1", "wait": "20"}


def test_where_a_chat_is_and_which_model_it_has_can_be_said(scene: Scene) -> None:
    terminal = scene.terminal
    terminal.ok("orgs", "create", "club")
    workspace = terminal.ok("workspaces", "add", "club", "Atlas", "--json").json
    [model] = terminal.ok("models", "list", "--json").json
    place = ("--org", "club", "--workspace", "atlas", "--model", model["display_name"].upper())
    terminal.ok("chat", QUESTION, *place)
    terminal.ok("chat", QUESTION)  # In several organisations, the default one is meant.
    made = scene.chats()
    found = {each["organization_id"]: each for each in made}
    assert len(found) == 2
    there = found[workspace["organization_id"]]
    assert (there["workspace_id"], there["last_model_config_id"]) == (workspace["id"], model["id"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--server", "x", "--no-servers"), 2),
        (("--continue=last", "--org", "default"), 2),
        (("--server", "nothing"), 1),
        (("--model", "nothing"), 1),
        (("--workspace", "nothing"), 1),
        (("--continue=nothing: at all",), 1),
        (("--continue",), 1),
        (("--approve", "some"), 2),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_said(
    scene: Scene, arguments: tuple[str, ...], code: int
) -> None:
    ran = scene.terminal.run("chat", QUESTION, *arguments)
    assert ran.code == code, ran.err
    assert scene.chats() == []


def test_chats_are_listed_shown_renamed_archived_and_removed(scene: Scene) -> None:
    terminal = scene.terminal
    terminal.ok("chat", QUESTION)
    [made] = terminal.ok("chats", "list", "--json").json
    with scene.world.deployment.admin as admin:
        admin.post(f"{CHATS}/{made['id']}/interrupt").raise_for_status()
    assert QUESTION in terminal.ok("chats", "list", "--search", "broken").out
    assert terminal.ok("chats", "list", "--label", "team:red").out == "None.\n"
    shown = terminal.ok("chats", "show", QUESTION).out
    assert f"\n\n> {QUESTION}\n" in shown
    whole = terminal.ok("chats", "show", "last", "--json").json
    assert whole["chat"]["id"] == made["id"]
    assert [each["role"] for each in whole["messages"]] == ["user"]
    assert terminal.ok("chats", "rename", "last", "Lifts").out == "It is called Lifts now.\n"
    assert terminal.ok("chats", "archive", "lifts", "--json").json["archived"]
    assert terminal.ok("chats", "list").out == "None.\n"
    assert "Lifts" in terminal.ok("chats", "list", "--archived").out
    assert terminal.run("chats", "archive", "Lifts").code == 1
    assert terminal.ok("chats", "unarchive", "Lifts").out == "Brought back Lifts.\n"
    assert terminal.run("chats", "remove", "Lifts", typed="n\n").code == 1
    assert terminal.ok("chats", "remove", "Lifts", "--yes").out == "Removed Lifts.\n"
    assert terminal.run("chats", "show", "Lifts").code == 1


def test_of_two_chats_with_one_title_neither_is_meant(scene: Scene) -> None:
    for _ in range(2):
        scene.terminal.ok("chat", QUESTION)
    ran = scene.terminal.run("chats", "remove", QUESTION, "--yes")
    assert (ran.code, len(scene.chats())) == (1, 2)


def test_chats_and_servers_are_completed(scene: Scene) -> None:
    scene.terminal.ok("chat", QUESTION)
    with scene.world.deployment.admin as admin:
        create_server(admin, slug="tickets", enabled=True)
    [made] = scene.chats()
    asked = {"_CIBORIUM_COMPLETE": "bash_complete", "COMP_CWORD": "3"}
    for words, expected in {
        "ciborium chats show ": made["id"],
        "ciborium chat --server t": "tickets",
        "ciborium chat --continue ": made["id"],
    }.items():
        ran = scene.terminal.run(COMP_WORDS=words, **asked)
        assert ran.out.split() == [f"plain,{expected}"]

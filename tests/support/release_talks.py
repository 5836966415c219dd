"""A chat that one release begins and the other's worker goes on with."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from chalicelib.primitives import new_id
from tests.support.chats import CHATS, text
from tests.support.local_worker import until
from tests.support.releases import Release
from tests.support.sockets import connecting, leaving
from tests.support.two_releases import FILES, Human, World, created, got, require_same

GIF = base64.b64decode("R0lGODlhAQABAAAAACwAAAAAAQABAAA=")
LONG = "Long words. " * 6000  # More than fits into a message's own row.
BRIEF = "And briefly?"
_CHATS_EACH = 2
_SLOWLY = 0.3
_REST = {"waiting", "error", "requires_action"}
_TURN = ["user", "assistant", "tool", "assistant"]


@dataclass
class Talk:
    """Three chats, of which each goes through both releases.

    Attributes:
        world: where they are held.
        human: who talks.
        first: the release that begins, and at which the chats are followed.
        second: the release whose worker goes on.
        server_id: whose tools are called.
        model_id: the model that answers.
        chats: their paths, by what tests call them.
        socket: the id of a WebSocket that follows one.
    """

    world: World
    human: Human
    first: Release
    second: Release
    server_id: str
    model_id: str
    chats: dict[str, str] = field(default_factory=dict)
    socket: str = field(default_factory=new_id)

    def begin(self) -> None:
        """With no worker there: a long question with an image, another behind it, one that asks."""
        with self.human.at(self.first) as here, self.human.at(self.second) as there:
            file = self.upload(here)
            assert there.get(file, headers={"Accept": "image/gif"}).content == GIF
            image = {"type": "file", "file_id": file.rpartition("/")[2]}
            words = [*text(f'{LONG} use search {{"q": 1}}'), image]
            body = {"content": words, "system_prompt": "Be kind.", "labels": {"team": "red"}}
            self.chats["long"] = self.start(here, **body)
            queued = {"content": text(BRIEF)}
            assert got(here.post(f"{self.chats['long']}/messages", json=queued))["queued"]
            assert len(self.messages(there, "long")["queued_messages"]) == 1
            self.chats["asking"] = self.start(here, content=text('use create_issue {"a": 1}'))
            self._open_socket(here)

    def go_on(self) -> None:
        """The second's worker has taken it up: follow it at the first to its rest."""
        with self.human.at(self.first) as here, self.human.at(self.second) as there:
            self.world.model.delay = _SLOWLY  # Until it has been heard while it speaks.
            told = follow(here, self.chats["long"], heard=self._hasten)
            assert {"message_part", "message", "status"} <= {each["type"] for each in told}
            said = self.messages(there, "long")["messages"]
            assert [each["role"] for each in said] == [*_TURN, "user", "assistant"]
            assert said[0]["content"][0]["text"].startswith(LONG)
            assert said[-1]["content"][0]["text"] == f"You said: {BRIEF}"
            require_same(self.messages(here, "long")["messages"], said)
            assert got(here.get(cost_of(self.chats["long"])))["cost_micros"] > 0
            assert self.world.pushed[self.socket]
            assert self.second.attend(leaving(self.socket)) == 200
            (call,) = follow(here, self.chats["asking"], "action_required")
            assert [each["tool_name"] for each in call["pending_tool_calls"]]

    def change(self) -> None:
        """The second changes what the first has begun, and the first reads it."""
        with self.human.at(self.first) as here, self.human.at(self.second) as there:
            file = self.upload(here)
            got(there.delete(file))
            assert here.get(file).status_code == 404
            change = {"title": "Words", "labels": {"team": "blue"}, "pin_order": 1}
            got(there.patch(self.chats["long"], json=change))
            found = got(here.get(self.chats["long"]))
            assert {name: found[name] for name in change} == change
            gone = self.start(here, content=text("Forget it"))
            got(there.delete(gone))
            assert here.get(gone).status_code == 404

    def decide(self) -> None:
        """The owner allows the call, at the second; the first's worker is there now."""
        with self.human.at(self.second) as there:
            chat = got(there.get(self.chats["asking"]))
            (call,) = chat["pending_tool_calls"]
            decision = {"tool_call_id": call["tool_call_id"], "approved": True}
            decided = {"decisions": [decision]}
            got(there.post(f"{self.chats['asking']}/tool-approvals", json=decided))
            follow(there, self.chats["asking"])
            self.check("asking", there, f"answered: {json.dumps({'a': 1})}")

    def check(self, name: str, client: httpx.Client, end: str, turns: int = 1) -> None:
        """Nothing is lost, nothing is there twice, and the model had the tool's result."""
        said = self.messages(client, name)["messages"]
        assert [each["id"] for each in said] == list(range(1, len(said) + 1))
        assert [each["role"] for each in said] == _TURN * turns
        assert said[-1]["content"][0]["text"].endswith(end)

    def start(self, client: httpx.Client, **body: Any) -> str:
        """Start a chat; its path."""
        asked = {
            "organization_id": self.world.organization_id,
            "mcp_server_ids": [self.server_id],
            "model_config_id": self.model_id,
            **body,
        }
        return f"{CHATS}/{created(client.post(CHATS, json=asked))['id']}"

    def upload(self, client: httpx.Client) -> str:
        """Keep an image; its path."""
        place, kind = f"{FILES}?organization={self.world.organization_id}", "image/gif"
        image = created(client.post(place, content=GIF, headers={"Content-Type": kind}))
        return f"{FILES}/{image['id']}"

    def messages(self, client: httpx.Client, name: str) -> dict[str, Any]:
        """A chat's messages, oldest first, and those that wait."""
        found: dict[str, Any] = got(client.get(f"{self.chats[name]}/messages?limit=200"))
        return {**found, "messages": found["messages"][::-1]}

    def _hasten(self) -> None:
        self.world.model.delay = 0.0

    def _open_socket(self, client: httpx.Client) -> None:
        """With the second's ticket at the first."""
        path = self.chats["long"]
        with self.human.at(self.second) as there:
            ticket = got(there.post(f"{path}/stream-tickets"))["ticket"]
        event = connecting(self.socket, path.rpartition("/")[2], ticket=ticket)
        assert self.first.attend(event) == 200


def talk_side_by_side(*talks: Talk) -> None:
    """Both workers take what comes; neither does what the other has done."""
    for number in range(_CHATS_EACH):
        for talk in talks:
            with talk.human.at(talk.first) as client:
                said = {"content": text(f'use search {{"n": {number}}}')}
                path = talk.chats[f"both {number}"] = talk.start(client, **said)
                got(client.post(f"{path}/messages", json=said))
    for number in range(_CHATS_EACH):
        for talk in talks:
            with talk.human.at(talk.second) as client:
                follow(client, talk.chats[f"both {number}"])
                talk.check(f"both {number}", client, f'answered: {{"n": {number}}}', turns=2)


def cost_of(chat: str) -> str:
    """Where it says what a chat has cost."""
    return f"{CHATS}/cost/chats/{chat.rpartition('/')[2]}"


def follow(
    client: httpx.Client,
    chat: str,
    kind: str = "",
    heard: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """What happens in a chat until it is at rest.

    Args:
        client: who follows it.
        chat: its path.
        kind: of which kind; of any, if it is empty.
        heard: what to do when the model has been heard while it spoke.
    """
    seen: list[dict[str, Any]] = []
    query: dict[str, str] = {"wait": "5"}

    def is_at_rest() -> bool:
        news = got(client.get(f"{chat}/events", params=query))
        seen.extend(news["events"])
        if any(each["type"] == "message_part" for each in seen):
            heard()
        query["cursor"] = news["cursor"]
        return news["status"] in _REST

    until(is_at_rest, f"the rest of {chat}")
    return [each for each in seen if not kind or each["type"] == kind]

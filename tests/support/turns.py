"""A world with a model in it: chats whose turns are really taken, in this process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from chalicelib.storage import StorageUnavailableError
from infra.local.scripted_model import ScriptedModel
from tests.support.chats import CHATS, offer_model, text
from tests.support.deployment import ADMIN_TOKEN
from tests.support.journey import World
from tests.support.people import default_organization

MODEL_HOST = "https://models.example"
_AT_REST = {"waiting", "error", "requires_action"}
_MOST_STEPS = 60
_LONGEST_STEP_SECONDS = 20


@dataclass
class Talk:
    """A person who talks to a scripted model, and the workers that take the turns.

    Attributes:
        meanwhile: what somebody does when a model has been asked and has not answered yet; once.
        instead: what the provider answers to the next requests in place of the model.
    """

    world: World
    model: ScriptedModel
    model_id: str
    token: str = ADMIN_TOKEN
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    instead: list[httpx.Response] = field(default_factory=list)

    @property
    def client(self) -> httpx.Client:
        """The person's client."""
        return self.world.deployment.client(self.token)

    def start(self, *texts: str, **body: Any) -> str:
        """Start a chat; nothing is answered yet."""
        organization_id = default_organization(self.world.deployment)
        asked = {"organization_id": organization_id, "content": text(*texts), **body}
        response = self.client.post(CHATS, json=asked)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def say(self, chat_id: str, *texts: str, **body: Any) -> httpx.Response:
        """Say something in a chat."""
        asked = {"content": text(*texts), **body}
        return self.client.post(f"{CHATS}/{chat_id}/messages", json=asked)

    def post(self, chat_id: str, path: str, body: Any = None) -> httpx.Response:
        """Ask for something to be done with a chat."""
        return self.client.post(f"{CHATS}/{chat_id}/{path}", json=body)

    def decide(self, chat_id: str, approved: bool, *calls: dict[str, Any]) -> httpx.Response:
        """Approve or deny calls, or all that wait."""
        waiting = calls or self.chat(chat_id)["pending_tool_calls"]
        decisions = [
            {"tool_call_id": each["tool_call_id"], "approved": approved} for each in waiting
        ]
        return self.post(chat_id, "tool-approvals", {"decisions": decisions})

    def model_answers(self, status: int, **fields: Any) -> None:
        """Have the provider answer a further request with this."""
        self.instead.append(httpx.Response(status, **fields))

    def step(self, chat_id: str) -> dict[str, Any]:
        """Have a worker look at the chat once; the chat after that."""
        self.world.deployment.take_step(chat_id)
        return self.chat(chat_id)

    def lose_a_worker(self, chat_id: str) -> None:
        """A worker reads the chat, takes its lease, and can do nothing from then on."""
        calls = self.world.deployment.aws_calls
        calls.refuse_after = 2
        with suppress(StorageUnavailableError):
            self.world.deployment.take_step(chat_id)
        calls.refuse_after = None
        assert self.chat(chat_id)["status"] == "running"

    @contextmanager
    def working(self, chat_id: str) -> Iterator["Watched"]:
        """A worker is at the chat's next step meanwhile; it must have ended a little later."""
        thread = threading.Thread(target=self.world.deployment.take_step, args=(chat_id,))
        thread.start()
        try:
            yield Watched(self, chat_id)
        finally:
            thread.join(_LONGEST_STEP_SECONDS)
        assert not thread.is_alive()

    def run(self, chat_id: str) -> dict[str, Any]:
        """Have workers look at the chat until it is at rest; the chat then."""
        for _ in range(_MOST_STEPS):
            chat = self.step(chat_id)
            if chat["status"] in _AT_REST:
                return chat
        raise AssertionError(f"the chat never came to rest: {chat}")

    def ask(self, *texts: str, **body: Any) -> tuple[str, dict[str, Any]]:
        """Start a chat and have it answered."""
        chat_id = self.start(*texts, **body)
        return chat_id, self.run(chat_id)

    def chat(self, chat_id: str) -> dict[str, Any]:
        """The chat as its owner sees it."""
        found: dict[str, Any] = self.client.get(f"{CHATS}/{chat_id}").json()
        return found

    def messages(self, chat_id: str) -> list[dict[str, Any]]:
        """Its messages, oldest first."""
        page = self.client.get(f"{CHATS}/{chat_id}/messages", params={"after_id": 0, "limit": 200})
        return list(page.json()["messages"])

    def parts(self, chat_id: str, kind: str = "") -> list[dict[str, Any]]:
        """The parts of all messages, or those of one kind."""
        parts = [part for each in self.messages(chat_id) for part in each["content"]]
        return [part for part in parts if not kind or part["type"] == kind]

    def events(self, chat_id: str) -> list[tuple[str, str]]:
        """What the person was told of servers: their names, and what became of them."""
        told = self.parts(chat_id, "server-event")
        return [(each["server_name"], each["outcome"]) for each in told]

    def result(self, chat_id: str) -> dict[str, Any]:
        """The only result of a tool."""
        [found] = self.parts(chat_id, "tool-result")
        return found

    @property
    def offered(self) -> list[str]:
        """The names of the tools that the model was offered last."""
        return [each["function"]["name"] for each in self.model.requests[-1].get("tools", ())]

    def answer(self, chat_id: str) -> str:
        """The text of the last message of the model's."""
        said = [each for each in self.messages(chat_id) if each["role"] == "assistant"]
        return "".join(part.get("text", "") for part in said[-1]["content"])


@dataclass
class Watched:
    """A chat whose events somebody follows."""

    talk: Talk
    chat_id: str
    cursor: str = ""

    def follow(self) -> list[dict[str, Any]]:
        """What has happened since it was asked last."""
        path = f"{CHATS}/{self.chat_id}/events"
        parameters = {"cursor": self.cursor} if self.cursor else {}
        news = self.talk.client.get(path, params=parameters).raise_for_status().json()
        self.cursor = news["cursor"]
        return list(news["events"])

    def wait_for(self, kind: str) -> list[dict[str, Any]]:
        """All events up to the first of a kind, and those that came with it."""
        seen: list[dict[str, Any]] = []
        end = time.monotonic() + _LONGEST_STEP_SECONDS
        while time.monotonic() < end:
            seen += self.follow()
            if any(each["type"] == kind for each in seen):
                return seen
        raise AssertionError(f"there was no {kind} event: {seen}")

    def wait_for_parts(self) -> str:
        """The text that the model has said before its message is there."""
        events = self.wait_for("message_part")
        return "".join(told(each) for each in events)


def told(event: dict[str, Any]) -> str:
    """The text of a preview; of another event, none."""
    return str(event.get("message_part", {}).get("part", {}).get("text", ""))


@contextmanager
def talking(world: World, model: str = "scripted", **config: Any) -> Iterator[Talk]:
    """Somebody to talk to, at a host of the fake internet that leads to a real server."""
    meanwhile: list[Callable[[], object]] = []
    instead: list[httpx.Response] = []
    with talking_host(world, MODEL_HOST, meanwhile, instead) as scripted:
        model_id = offer_model(
            world.deployment, f"{MODEL_HOST}/v1", model=model, display_name="Scripted", **config
        )
        yield Talk(world, scripted, model_id, meanwhile=meanwhile, instead=instead)


@contextmanager
def talking_host(
    world: World,
    host: str,
    meanwhile: list[Callable[[], object]] | None = None,
    instead: list[httpx.Response] | None = None,
) -> Iterator[ScriptedModel]:
    """A host of the fake internet that leads to a scripted model.

    Args:
        world: whose internet.
        host: its origin.
        meanwhile: what happens at each request, before it is answered.
        instead: answers in the place of the model's.
    """
    with ScriptedModel() as scripted, httpx.HTTPTransport() as wire:

        def relay(request: httpx.Request) -> httpx.Response:
            if meanwhile:
                meanwhile.pop(0)()
            if instead:
                return instead.pop(0)
            path = request.url.raw_path.decode().removeprefix("/v1")
            headers = [pair for pair in request.headers.items() if pair[0] != "host"]
            real = httpx.Request(
                request.method,
                f"{scripted.base_url}{path}",
                headers=headers,
                content=request.read(),
            )
            return wire.handle_request(real)

        world.internet.add_host(host, relay)
        yield scripted

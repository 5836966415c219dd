"""Somebody who talks in chats that no model answers; tests do what a worker would."""

from dataclasses import dataclass
from typing import Any

import httpx

from chalicelib.chats.models import Chat
from tests.support.chats import CHATS, offer_model, text
from tests.support.deployment import Deployment
from tests.support.people import Person, default_organization, join, new_person
from tests.support.worker import Step, ask, claim, fail, finish, say, work

# How a chat that has just been started comes to a status; interrupting takes a request as well.
WAYS: dict[str, tuple[Step, ...]] = {
    "waiting": (claim, say("Hello yourself"), finish),
    "pending": (),
    "running": (claim,),
    "interrupting": (claim,),
    "requires_action": (claim, ask("call-1")),
    "error": (claim, fail),
}


@dataclass(frozen=True)
class Owner:
    """A member of an organisation, and what they do there."""

    person: Person
    organization_id: str

    @property
    def client(self) -> httpx.Client:
        """A client that is signed in as them."""
        return self.person.client

    def start(self, *texts: str, status: str = "pending", **body: Any) -> str:
        """Start a chat and bring it to a status; returns its path."""
        asked = {"organization_id": self.organization_id, "content": text(*texts or ("Hello",))}
        answer = self.client.post(CHATS, json={**asked, **body})
        assert answer.status_code == 201, answer.text
        path = f"{CHATS}/{answer.json()['id']}"
        if WAYS[status]:
            self.work(path, *WAYS[status])
        if status == "interrupting":
            self.client.post(f"{path}/interrupt").raise_for_status()
        return path

    def work(self, path: str, *steps: Step) -> Chat:
        """Do what a worker would to one of their chats."""
        return work(self.person.deployment, self.person.id, path.rpartition("/")[2], *steps)

    def get(self, path: str, **query: Any) -> Any:
        """What they read there."""
        return self.client.get(path, params=query).raise_for_status().json()

    def status(self, path: str) -> str:
        """What a chat is doing."""
        return str(self.get(path)["status"])

    def say(self, path: str, *texts: str, **body: Any) -> httpx.Response:
        """Say something in a chat."""
        return self.client.post(f"{path}/messages", json={"content": text(*texts), **body})

    def change(self, path: str, **body: Any) -> httpx.Response:
        """Change a chat."""
        return self.client.patch(path, json=body)

    def edit(self, path: str, message_id: int, *texts: str, **body: Any) -> httpx.Response:
        """Say something else in place of a message."""
        asked = {"content": text(*texts), **body}
        return self.client.patch(f"{path}/messages/{message_id}", json=asked)

    def texts(self, path: str, **query: Any) -> list[str]:
        """What is said in a chat, newest first, or as the query asks."""
        return [told(each) for each in self.get(f"{path}/messages", **query)["messages"]]

    def queue(self, path: str) -> list[str]:
        """What waits there, the next one first."""
        return [told(each) for each in self.get(f"{path}/messages")["queued_messages"]]


def told(message: dict[str, Any]) -> str:
    """The text of a message."""
    return "".join(part.get("text") or part.get("result") or "" for part in message["content"])


def new_owner(deployment: Deployment, username: str = "mara") -> Owner:
    """Somebody who may start chats."""
    organization_id = default_organization(deployment)
    person = new_person(deployment, username)
    join(deployment, organization_id, person)
    offer_model(deployment)
    return Owner(person, organization_id)

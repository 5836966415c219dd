"""The main journeys, each as a request that may fail and come again.

A journey prepares what it needs undisturbed and returns the request. The same request is sent again
after a failure, as its sender would.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from tests.support.chats import CHATS, text
from tests.support.deployment import ADMIN_TOKEN
from tests.support.identity_provider import Office, Staff, open_office
from tests.support.journey import MCP_URL, World
from tests.support.people import (
    ORGANIZATIONS,
    ORIGIN,
    USERS,
    default_organization,
    join,
    new_person,
)
from tests.support.servers import SERVERS, server_body
from tests.support.tool_server import add_tools

Send = Callable[[], httpx.Response]


@dataclass
class Stage:
    """Where journeys happen.

    Attributes:
        server_id: a server with OAuth2 that the admin is connected to.
        tools_id: one without, whose tool is called `look`.
        numbers: gives each round a number of its own, for names and keys.
        secrets: what must stand in no log and no answer.
    """

    world: World
    office: Office
    organization_id: str
    server_id: str
    tools_id: str
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    secrets: list[str] = field(default_factory=lambda: [ADMIN_TOKEN])

    def name(self) -> str:
        """A name that nothing has yet."""
        return f"n{next(self.numbers)}"

    def client(self, token: str = ADMIN_TOKEN) -> httpx.Client:
        """The admin's client, or somebody else's."""
        return self.world.deployment.client(token)

    def person(self) -> tuple[str, str]:
        """The id and the token of a new member."""
        person = new_person(self.world.deployment, self.name())
        join(self.world.deployment, self.organization_id, person)
        self.secrets.append(person.token)
        return person.id, person.token


def open_stage(world: World) -> Stage:
    """A stage in a world that has a model."""
    return Stage(
        world,
        open_office(world.deployment, world.internet),
        default_organization(world.deployment),
        world.connected(availability="default_on"),
        add_tools(world, "tools", "look").id,
    )


def _post(stage: Stage, path: str, **arguments: Any) -> Send:
    headers = {"Idempotency-Key": stage.name(), **arguments.pop("headers", {})}
    return lambda: stage.client().post(path, headers=headers, **arguments)


def register(stage: Stage) -> Send:
    """An admin registers a server by its URL alone: discovery, registration."""
    body = server_body(auth_type="oauth2", slug=stage.name(), url=MCP_URL, enabled=True)
    return _post(stage, SERVERS, json=body)


def start_connecting(stage: Stage) -> Send:
    """A browser is sent to the authorization server."""
    return lambda: stage.client().get(f"{SERVERS}/{stage.server_id}/oauth2/connect")


def finish_connecting(stage: Stage) -> Send:
    """It comes back with a code; if that fails, its user connects anew."""
    world, browser = stage.world, stage.client()
    browser.headers["Accept"] = "text/html"
    browser.delete(f"{SERVERS}/{stage.server_id}/oauth2/disconnect").raise_for_status()
    world.deployment.clock.advance(minutes=61)
    back = [world.authorize(browser, stage.server_id)]

    def send() -> httpx.Response:
        return browser.get(back.pop() if back else world.authorize(browser, stage.server_id))

    return send


def list_tools(stage: Stage) -> Send:
    """A user lists a server's tools once their token has expired."""
    stage.world.connect(stage.client(), stage.server_id)
    stage.world.deployment.clock.advance(hours=2)
    return lambda: stage.client().get(f"{SERVERS}/{stage.server_id}/tools")


def call_tool(stage: Stage) -> Send:
    """A user calls a tool."""
    path = f"{SERVERS}/{stage.tools_id}/tools/call"
    return lambda: stage.client().post(path, json={"name": "look"})


def disconnect(stage: Stage) -> Send:
    """A user disconnects."""
    stage.world.connect(stage.client(), stage.server_id)
    return lambda: stage.client().delete(f"{SERVERS}/{stage.server_id}/oauth2/disconnect")


def create_chat(stage: Stage) -> Send:
    """A user starts a chat."""
    body = {"organization_id": stage.organization_id, "content": text("hello")}
    return _post(stage, CHATS, json=body)


def send_message(stage: Stage) -> Send:
    """A user says something in a chat."""
    chat_id = create_chat(stage)().raise_for_status().json()["id"]
    return _post(stage, f"{CHATS}/{chat_id}/messages", json={"content": text("hello")})


def upload_file(stage: Stage) -> Send:
    """A user uploads an image."""
    path = f"{CHATS}/files?organization={stage.organization_id}"
    return _post(stage, path, content=b"GIF89a" + bytes(20), headers={"Content-Type": "image/gif"})


def delete_chat(stage: Stage) -> Send:
    """A user deletes a chat."""
    created = create_chat(stage)().raise_for_status().json()
    return lambda: stage.client().delete(f"{CHATS}/{created['id']}")


def delete_server(stage: Stage) -> Send:
    """An admin deletes a server that two people are connected to."""
    server_id = stage.world.connected(availability="default_on", slug=stage.name())
    _, token = stage.person()
    stage.world.connect(stage.client(token), server_id)
    return lambda: stage.client().delete(f"{SERVERS}/{server_id}")


def delete_user(stage: Stage) -> Send:
    """An owner deletes somebody who has a connection and a chat."""
    user_id, token = stage.person()
    stage.world.connect(stage.client(token), stage.server_id)
    body = {"organization_id": stage.organization_id, "content": text("hello")}
    stage.client(token).post(CHATS, json=body).raise_for_status()
    return lambda: stage.client().delete(f"{USERS}/{user_id}")


def delete_organization(stage: Stage) -> Send:
    """An owner deletes an organisation with a member."""
    organization = _post(stage, ORGANIZATIONS, json={"name": stage.name()})()
    organization_id = organization.raise_for_status().json()["id"]
    person = new_person(stage.world.deployment, stage.name())
    join(stage.world.deployment, organization_id, person)
    return lambda: stage.client().delete(f"{ORGANIZATIONS}/{organization_id}")


def create_token(stage: Stage) -> Send:
    """Somebody makes a token, whose text is in the answer only."""
    person = new_person(stage.world.deployment, stage.name())
    return _post(stage, f"{USERS}/{person.id}/keys/tokens", json={})


def sign_in(stage: Stage) -> Send:
    """Somebody signs in with a token."""
    person = new_person(stage.world.deployment, stage.name())
    body, path = {"token": person.token}, f"{USERS}/login"
    return lambda: stage.world.deployment.client(**ORIGIN).post(path, json=body)


def sign_in_with_oidc(stage: Stage) -> Send:
    """Somebody new comes back from the identity provider; if that fails, they start again."""
    name = stage.name()
    stage.office.provider.person = Staff(
        sub=name, email=f"{name}@example.com", preferred_username=name
    )
    browser = stage.world.deployment.client()
    stage.world.deployment.clock.advance(minutes=61)
    back = [stage.office.way_back(browser)]
    return lambda: browser.get(back.pop() if back else stage.office.way_back(browser))


IN_TIME = (finish_connecting, sign_in_with_oidc)
"""What must be done soon after it was begun; an hour passes before, and after the others."""

JOURNEYS = (
    register,
    start_connecting,
    finish_connecting,
    list_tools,
    call_tool,
    disconnect,
    create_chat,
    send_message,
    upload_file,
    delete_chat,
    delete_server,
    delete_user,
    delete_organization,
    create_token,
    sign_in,
    sign_in_with_oidc,
)

"""What each endpoint costs, warm: calls to DynamoDB, KMS and other servers, exactly.

`docs/costs.md` is the same table for people; the last test here compares the two.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.api import ROUTES
from tests.support.identity_provider import SETTINGS, open_office
from tests.support.journey import World, start_world
from tests.support.servers import SERVERS, create_server, server_body

DOCUMENT = Path(__file__).parents[2] / "docs" / "costs.md"
CHATS = "/api/experimental/chats"
ORGANIZATIONS = "/api/v2/organizations"
ORGANIZATION = f"{ORGANIZATIONS}/{{organization_id}}"
GROUPS = f"{ORGANIZATION}/groups"


class Caller:
    """An admin who is connected to an MCP server and has a chat, in a warm container."""

    def __init__(self, world: World, client: httpx.Client, browser: httpx.Client) -> None:
        self.client, self.browser, self.world = client, browser, world
        self.server_id = world.register()["id"]
        self.other_id = create_server(client, slug="other")["id"]
        world.connect(browser, self.server_id)
        client.get(f"{SERVERS}/{self.server_id}/tools")
        self.organization_id = client.get(ORGANIZATIONS).json()[0]["id"]
        self.organization = f"{ORGANIZATIONS}/{self.organization_id}"
        self.chat = {
            "organization_id": self.organization_id,
            "content": [{"type": "text", "text": "Hello"}],
            "mcp_server_ids": [self.server_id],
        }
        self.chat_id = client.post(CHATS, json=self.chat).json()["id"]
        person = {"username": "mara", "email": "mara@example.com"}
        self.user_id = client.post("/api/v2/users", json=person).json()["id"]
        self.user = f"/api/v2/users/{self.user_id}"
        empty = client.post(ORGANIZATIONS, json={"name": "empty"}).json()["id"]
        self.empty = f"{ORGANIZATIONS}/{empty}"
        me = client.get("/api/v2/users/me").json()["id"]
        self.member = f"{self.organization}/members/{me}"
        groups = f"{self.organization}/groups"
        group_id = client.post(groups, json={"name": "team"}).json()["id"]
        self.group, self.groups = f"{groups}/{group_id}", groups
        self.in_group = f"{self.group}/members/{me}"
        client.put(self.in_group)
        self.key_id = client.post(f"{self.user}/keys/tokens", json={}).json()["id"]

    def register_by_url(self) -> httpx.Response:
        body = server_body(slug="third", auth_type="oauth2", url=self.world.resource_server.url)
        return self.client.post(SERVERS, json=body)

    def activate(self) -> httpx.Response:
        self.client.put(f"{self.user}/status/suspend")
        self.reset()
        return self.client.put(f"{self.user}/status/activate")

    def reset(self) -> None:
        """Forget what was counted so far."""
        self.world.deployment.aws_calls.reset()
        self.world.internet.requests.clear()

    def start_login(self) -> httpx.Response:
        self.login()
        return self.browser.get("/api/v2/users/oidc/login")

    def finish_login(self) -> httpx.Response:
        return self.browser.get(self.login())

    def login(self) -> str:
        """Sign in once, and again as far as to the callback; its URL."""
        office = open_office(self.world.deployment, self.world.internet)
        office.sign_in(self.browser)
        callback = office.provider.authorize(office.start(self.browser))
        self.reset()
        return callback

    def finish(self) -> httpx.Response:
        return self.browser.get(self.callback)

    def prepare_callback(self) -> None:
        self.callback = self.world.authorize(self.browser, self.server_id)


Step = Callable[[Caller], Any]
ONE = "/api/experimental/mcp/servers/{server_id}"
# Endpoint: what calls it, and reads, writes (a transaction is one), KMS calls, outbound requests.
COSTS: dict[str, tuple[Step, tuple[int, int, int, int]]] = {
    "GET /healthz": (lambda c: c.client.get("/healthz"), (0, 0, 0, 0)),
    "GET /readyz": (lambda c: c.client.get("/readyz"), (1, 0, 1, 0)),
    "GET /api/v2/buildinfo": (lambda c: c.client.get("/api/v2/buildinfo"), (0, 0, 0, 0)),
    "GET /login": (lambda c: c.client.get("/login"), (0, 0, 0, 0)),
    "POST /api/v2/users/login": (
        lambda c: c.client.post("/api/v2/users/login", json={"token": TOKEN}),
        (3, 1, 0, 0),
    ),
    "GET /api/v2/users/oidc/login": (Caller.start_login, (0, 0, 0, 0)),
    "GET /api/v2/users/oidc/callback": (Caller.finish_login, (2, 2, 0, 1)),
    "POST /api/v2/users/logout": (
        lambda c: c.browser.post("/api/v2/users/logout", headers={"Sec-Fetch-Site": "same-origin"}),
        (2, 1, 0, 0),
    ),
    "POST /api/v2/users": (
        lambda c: c.client.post(
            "/api/v2/users", json={"username": "eve", "email": "e@example.com"}
        ),
        (1, 1, 0, 0),
    ),
    "GET /api/v2/users/{user_id}": (lambda c: c.client.get("/api/v2/users/me"), (3, 0, 0, 0)),
    "GET /api/v2/users": (lambda c: c.client.get("/api/v2/users?q=mara"), (2, 0, 0, 0)),
    "PATCH /api/v2/users/{user_id}": (
        lambda c: c.client.patch(c.user, json={"roles": ["owner"]}),
        (3, 1, 0, 0),
    ),
    "DELETE /api/v2/users/{user_id}": (lambda c: c.client.delete(c.user), (6, 2, 0, 0)),
    "PUT /api/v2/users/{user_id}/status/suspend": (
        lambda c: c.client.put(f"{c.user}/status/suspend"),
        (4, 1, 0, 0),
    ),
    "PUT /api/v2/users/{user_id}/status/activate": (Caller.activate, (3, 1, 0, 0)),
    "GET /api/v2/users/{user_id}/keys/tokens": (
        lambda c: c.client.get(f"{c.user}/keys/tokens"),
        (3, 0, 0, 0),
    ),
    "POST /api/v2/users/{user_id}/keys/tokens": (
        lambda c: c.client.post("/api/v2/users/me/keys/tokens", json={}),
        (2, 1, 0, 0),
    ),
    "GET /api/v2/users/{user_id}/keys/{key_id}": (
        lambda c: c.client.get(f"{c.user}/keys/{c.key_id}"),
        (3, 0, 0, 0),
    ),
    "DELETE /api/v2/users/{user_id}/keys/{key_id}": (
        lambda c: c.client.delete(f"{c.user}/keys/{c.key_id}"),
        (2, 1, 0, 0),
    ),
    "GET /api/v2/organizations": (lambda c: c.client.get(ORGANIZATIONS), (2, 0, 0, 0)),
    "POST /api/v2/organizations": (
        lambda c: c.client.post(ORGANIZATIONS, json={"name": "research"}),
        (1, 1, 0, 0),
    ),
    "GET /api/v2/organizations/{organization_id}": (
        lambda c: c.client.get(f"{ORGANIZATIONS}/{c.organization_id}"),
        (2, 0, 0, 0),
    ),
    "GET /api/v2/organizations/{organization_id}/members": (
        lambda c: c.client.get(f"{ORGANIZATIONS}/{c.organization_id}/members"),
        (4, 0, 0, 0),
    ),
    "POST /api/v2/organizations/{organization_id}/members/{user_id}": (
        lambda c: c.client.post(
            f"{ORGANIZATIONS}/{c.organization_id}/members/{c.user_id}", json={}
        ),
        (4, 1, 0, 0),
    ),
    f"PATCH {ORGANIZATION}": (
        lambda c: c.client.patch(c.empty, json={"name": "new"}),
        (2, 1, 0, 0),
    ),
    f"DELETE {ORGANIZATION}": (lambda c: c.client.delete(c.empty), (5, 3, 0, 0)),
    f"PUT {ORGANIZATION}/members/{{user_id}}/roles": (
        lambda c: c.client.put(f"{c.member}/roles", json={}),
        (4, 1, 0, 0),
    ),
    f"DELETE {ORGANIZATION}/members/{{user_id}}": (
        lambda c: c.client.delete(c.member),
        (3, 1, 0, 0),
    ),
    f"GET {GROUPS}": (lambda c: c.client.get(c.groups), (3, 0, 0, 0)),
    f"POST {GROUPS}": (lambda c: c.client.post(c.groups, json={"name": "new"}), (3, 1, 0, 0)),
    f"GET {GROUPS}/{{group_id}}": (lambda c: c.client.get(c.group), (3, 0, 0, 0)),
    f"PATCH {GROUPS}/{{group_id}}": (
        lambda c: c.client.patch(c.group, json={"name": "new"}),
        (3, 1, 0, 0),
    ),
    f"DELETE {GROUPS}/{{group_id}}": (lambda c: c.client.delete(c.group), (4, 3, 0, 0)),
    f"GET {GROUPS}/{{group_id}}/members": (
        lambda c: c.client.get(f"{c.group}/members"),
        (5, 0, 0, 0),
    ),
    f"PUT {GROUPS}/{{group_id}}/members/{{user_id}}": (
        lambda c: c.client.put(c.in_group),
        (3, 1, 0, 0),
    ),
    f"DELETE {GROUPS}/{{group_id}}/members/{{user_id}}": (
        lambda c: c.client.delete(c.in_group),
        (3, 1, 0, 0),
    ),
    "GET /api/experimental/mcp/servers": (lambda c: c.client.get(SERVERS), (3, 0, 0, 0)),
    "POST /api/experimental/mcp/servers": (Caller.register_by_url, (1, 2, 0, 4)),
    f"GET {ONE}": (lambda c: c.client.get(f"{SERVERS}/{c.server_id}"), (3, 0, 0, 0)),
    f"PATCH {ONE}": (
        lambda c: c.client.patch(f"{SERVERS}/{c.server_id}", json={"description": "New"}),
        (3, 1, 0, 0),
    ),
    f"DELETE {ONE}": (lambda c: c.client.delete(f"{SERVERS}/{c.other_id}"), (3, 2, 0, 0)),
    f"GET {ONE}/tools": (
        lambda c: c.client.get(f"{SERVERS}/{c.server_id}/tools"),
        (3, 0, 0, 1),
    ),
    f"POST {ONE}/tools/call": (
        lambda c: c.client.post(f"{SERVERS}/{c.server_id}/tools/call", json={"name": "search"}),
        (3, 0, 0, 2),
    ),
    "GET /api/experimental/mcp/tools": (
        lambda c: c.client.get("/api/experimental/mcp/tools"),
        (3, 0, 0, 1),
    ),
    f"GET {ONE}/oauth2/connect": (
        lambda c: c.client.get(f"{SERVERS}/{c.server_id}/oauth2/connect"),
        (3, 0, 0, 0),
    ),
    f"GET {ONE}/oauth2/client-metadata.json": (
        lambda c: c.client.get(f"{SERVERS}/{c.server_id}/oauth2/client-metadata.json"),
        (1, 0, 0, 0),
    ),
    f"GET {ONE}/oauth2/callback": (Caller.finish, (3, 1, 0, 1)),
    f"DELETE {ONE}/oauth2/disconnect": (
        lambda c: c.client.delete(f"{SERVERS}/{c.server_id}/oauth2/disconnect"),
        (3, 1, 0, 1),
    ),
    f"POST {CHATS}": (lambda c: c.client.post(CHATS, json=c.chat), (3, 1, 0, 0)),
    f"GET {CHATS}": (lambda c: c.client.get(CHATS), (3, 0, 0, 0)),
    f"GET {CHATS}/{{chat_id}}": (lambda c: c.client.get(f"{CHATS}/{c.chat_id}"), (3, 0, 0, 0)),
    f"GET {CHATS}/{{chat_id}}/messages": (
        lambda c: c.client.get(f"{CHATS}/{c.chat_id}/messages"),
        (3, 0, 0, 0),
    ),
}
TOKEN = "admin-token-for-tests-0123456789abcdef"
READS = {"GetItem", "BatchGetItem", "Query", "DescribeTable"}


@pytest.fixture
def world(local_aws: None) -> World:
    """A deployment with an identity provider, too."""
    return start_world(SETTINGS)


@pytest.mark.parametrize("endpoint", COSTS)
def test_an_endpoint_costs_what_is_written(world: World, endpoint: str) -> None:
    step, expected = COSTS[endpoint]
    with world.deployment.admin as client, world.browser() as browser:
        caller = Caller(world, client, browser)
        caller.prepare_callback()
        caller.reset()
        response = step(caller)
        assert response.status_code < 400, response.text
        assert _counted(world) == expected


def test_every_endpoint_has_a_cost() -> None:
    assert set(COSTS) == {f"{route.method} {route.path}" for route in ROUTES}


def test_listing_costs_the_same_however_many_servers_there_are(world: World) -> None:
    with world.deployment.admin as client, world.browser() as browser:
        caller = Caller(world, client, browser)
        for number in range(20):
            create_server(client, slug=f"s-{number}", auth_type="none")
        caller.reset()
        assert len(caller.client.get(SERVERS).json()) == 22
    assert _counted(world) == COSTS["GET /api/experimental/mcp/servers"][1]


def test_the_document_says_what_is_counted() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.+?)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", text, re.MULTILINE)
    documented = {row[0]: tuple(int(number) for number in row[1:]) for row in rows}
    assert documented == {endpoint: costs for endpoint, (_, costs) in COSTS.items()}


def _counted(world: World) -> tuple[int, int, int, int]:
    calls = world.deployment.aws_calls.calls
    database = {name.split(".")[1]: n for name, n in calls.items() if name.startswith("dynamodb.")}
    return (
        sum(count for name, count in database.items() if name in READS),
        sum(count for name, count in database.items() if name not in READS),
        sum(count for name, count in calls.items() if name.startswith("kms.")),
        len(world.internet.requests),
    )

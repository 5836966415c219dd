"""What each endpoint costs, warm: calls to DynamoDB, KMS and other servers, exactly.

`docs/costs.md` is the same table for people; the last test here compares the two.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.api import ROUTES
from tests.support.chat_models import (
    CONFIGS,
    MODELS,
    PROVIDERS,
    config_body,
    create_config,
    create_provider,
    provider_body,
)
from tests.support.chats import CHATS, offer_model, text
from tests.support.identity_provider import Staff, open_office
from tests.support.journey import World
from tests.support.people import default_organization, join, new_person
from tests.support.servers import SERVERS, create_server, server_body
from tests.support.worker import Step as WorkerStep
from tests.support.worker import ask, claim, fail, finish, say, work

DOCUMENT = Path(__file__).parents[2] / "docs" / "costs.md"
GIF, IMAGE = b"GIF89a" + bytes(20), {"Content-Type": "image/gif"}
CHAT = f"{CHATS}/{{chat_id}}"
EVENTS = {"Content-Type": "text/event-stream"}
ANSWER = """data: {"choices": [{"delta": {"content": "A title"}, "finish_reason": "stop"}]}

data: [DONE]

"""
LIMITS, COST = f"{CHATS}/usage-limits", f"{CHATS}/cost"
LIMIT = {"spend_limit_micros": 5}
ORGANIZATIONS = "/api/v2/organizations"
ORGANIZATION = f"{ORGANIZATIONS}/{{organization_id}}"
GROUPS = f"{ORGANIZATION}/groups"
WORKSPACES = f"{ORGANIZATION}/workspaces"
AUDIT = "/api/v2/audit"
DECISIONS = {"decisions": [{"tool_call_id": "call-1", "approved": True}]}


class Caller:
    """An admin who is connected to an MCP server and has a chat, in a warm container."""

    def __init__(self, world: World, client: httpx.Client, browser: httpx.Client) -> None:
        self.client, self.browser, self.world = client, browser, world
        self.server_id = world.register()["id"]
        own = {"auth_type": "custom_headers", "user_header_names": ["X-Token"]}
        self.other_id = create_server(client, slug="other", **own)["id"]
        self.filled_id = create_server(client, slug="filled", **own)["id"]
        values = {"values": {"X-Token": "mine"}}
        client.put(f"{SERVERS}/{self.filled_id}/user-headers", json=values).raise_for_status()
        client.put(f"{SERVERS}/{self.other_id}/icon", content=GIF, headers=IMAGE)
        world.connect(browser, self.server_id)
        approvals = f"{SERVERS}/{self.server_id}/tools/approvals"
        seen = client.get(approvals).raise_for_status().json()["tools"][0]
        client.post(approvals, json={"tools": {seen["name"]: seen["hash"]}}).raise_for_status()
        client.get(f"{SERVERS}/{self.server_id}/tools")
        self.organization_id = client.get(ORGANIZATIONS).json()[0]["id"]
        self.organization = f"{ORGANIZATIONS}/{self.organization_id}"
        self.chat = {
            "organization_id": self.organization_id,
            "content": text("Hello"),
            "mcp_server_ids": [self.server_id],
        }
        offer_model(world.deployment)
        answer = httpx.Response(200, headers=EVENTS, content=ANSWER)
        world.internet.add_page("https://models.example/v1/chat/completions", answer)
        self._make_chats()
        self.file = f"{CHATS}/files/{self.upload().json()['id']}"
        self.user_id = new_person(world.deployment).id
        self.user = f"/api/v2/users/{self.user_id}"
        self.suspended = new_person(world.deployment, "sven").path
        client.put(f"{self.suspended}/status/suspend").raise_for_status()
        self._make_models()
        self._make_groups()
        self._make_limits()
        self._make_workspace()
        self._sign_in()

    def _make_chats(self) -> None:
        """Chats whose turns are due, over, failed, or wait for the owner; one with a queue."""
        me = self.client.get("/api/v2/users/me").json()["id"]

        def make(*steps: WorkerStep) -> str:
            chat_id = self.client.post(CHATS, json=self.chat).raise_for_status().json()["id"]
            if steps:
                work(self.world.deployment, me, chat_id, claim, *steps)
            return f"{CHATS}/{chat_id}"

        self.due, self.busy = make(), make()
        self.over, self.failed = make(say("Hello"), finish), make(fail)
        self.asking = make(ask("call-1"))
        for content in (text("First"), text("Second")):
            answer = self.client.post(f"{self.busy}/messages", json={"content": content})
            answer.raise_for_status()

    def _make_models(self) -> None:
        """A provider with two models, and one without."""
        self.provider_id = create_provider(self.client)["id"]
        self.provider = f"{PROVIDERS}/{self.provider_id}"
        self.unused_provider = f"{PROVIDERS}/{create_provider(self.client)['id']}"
        create_config(self.client, self.provider_id)
        self.config = f"{CONFIGS}/{create_config(self.client, self.provider_id)['id']}"

    def _make_groups(self) -> None:
        """An organisation that is empty, and one with a group that two people could be in."""
        client = self.client
        # Whoever belongs to several organisations has their tokens sealed for the first.
        self.world.deployment.clock.advance(seconds=1)
        empty = client.post(ORGANIZATIONS, json={"name": "empty"}).json()["id"]
        self.empty = f"{ORGANIZATIONS}/{empty}"
        me = client.get("/api/v2/users/me").json()["id"]
        self.member = f"{self.organization}/members/{me}"
        groups = f"{self.organization}/groups"
        group_id = client.post(groups, json={"name": "team"}).json()["id"]
        self.group, self.groups = f"{groups}/{group_id}", groups
        self.in_group = f"{self.group}/members/{me}"
        client.put(self.in_group).raise_for_status()
        tom = new_person(self.world.deployment, "tom")
        join(self.world.deployment, self.organization_id, tom)
        self.not_in_group = f"{self.group}/members/{tom.id}"
        self.key_id = client.get(f"{self.user}/keys/tokens").json()[0]["id"]

    def _make_limits(self) -> None:
        """One of the admin's own, before which those of groups do not count; and a group's."""
        self.limits = f"{CHATS}/usage-limits"
        self.group_limit = f"{self.limits}/group-overrides/{self.group.rpartition('/')[2]}"
        for path in (f"{self.limits}/overrides/me", self.group_limit):
            self.client.put(path, json={"spend_limit_micros": 10**9}).raise_for_status()

    def _make_workspace(self) -> None:
        self.workspaces = f"{self.organization}/workspaces"
        body = {"name": "Atlas", "default_mcp_server_ids": [self.server_id]}
        created = self.client.post(self.workspaces, json=body).raise_for_status()
        self.workspace = f"{self.workspaces}/{created.json()['id']}"

    def _sign_in(self) -> None:
        """As the admin through the identity provider, so that its documents are known."""
        self.office = open_office(self.world.deployment, self.world.internet)
        self.office.provider.person = Staff(email="admin@localhost")
        self.other_browser = self.world.deployment.client()
        assert self.office.sign_in(self.other_browser).status_code == 200

    def upload(self) -> httpx.Response:
        path = f"{CHATS}/files?organization={self.organization_id}"
        return self.client.post(path, content=GIF, headers=IMAGE)

    def register_by_url(self) -> httpx.Response:
        body = server_body(slug="third", auth_type="oauth2", url=self.world.resource_server.url)
        return self.client.post(SERVERS, json=body)

    def reset(self) -> None:
        """Forget what was counted so far."""
        self.world.deployment.aws_calls.reset()
        self.world.internet.requests.clear()

    def finish_login(self) -> httpx.Response:
        return self.other_browser.get(self.login_callback)

    def finish(self) -> httpx.Response:
        return self.browser.get(self.callback)

    def prepare_callback(self) -> None:
        self.callback = self.world.authorize(self.browser, self.server_id)
        started = self.office.start(self.other_browser)
        self.login_callback = self.office.provider.authorize(started)


Step = Callable[[Caller], Any]
ONE = "/api/experimental/mcp/servers/{server_id}"
# Endpoint: what calls it, and reads, writes (a transaction is one), KMS calls, outbound requests.
COSTS: dict[str, tuple[Step, tuple[int, int, int, int]]] = {
    "GET /healthz": (lambda c: c.client.get("/healthz"), (0, 0, 0, 0)),
    "GET /readyz": (lambda c: c.client.get("/readyz"), (1, 0, 1, 0)),
    "GET /api/v2/buildinfo": (lambda c: c.client.get("/api/v2/buildinfo"), (0, 0, 0, 0)),
    "GET /api/v2/openapi.json": (lambda c: c.client.get("/api/v2/openapi.json"), (0, 0, 0, 0)),
    "GET /login": (lambda c: c.client.get("/login"), (1, 0, 0, 0)),
    "POST /api/v2/users/login": (
        lambda c: c.client.post("/api/v2/users/login", json={"token": TOKEN}),
        (3, 1, 0, 0),
    ),
    "GET /api/v2/users/oidc/login": (
        lambda c: c.browser.get("/api/v2/users/oidc/login"),
        (0, 0, 0, 0),
    ),
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
    "DELETE /api/v2/users/{user_id}": (lambda c: c.client.delete(c.user), (9, 4, 0, 0)),
    "PUT /api/v2/users/{user_id}/status/suspend": (
        lambda c: c.client.put(f"{c.user}/status/suspend"),
        (4, 1, 0, 0),
    ),
    "PUT /api/v2/users/{user_id}/status/activate": (
        lambda c: c.client.put(f"{c.suspended}/status/activate"),
        (3, 1, 0, 0),
    ),
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
        lambda c: c.client.put(c.not_in_group),
        (4, 1, 0, 0),
    ),
    f"DELETE {GROUPS}/{{group_id}}/members/{{user_id}}": (
        lambda c: c.client.delete(c.in_group),
        (3, 1, 0, 0),
    ),
    f"GET {WORKSPACES}": (lambda c: c.client.get(c.workspaces), (5, 0, 0, 0)),
    f"POST {WORKSPACES}": (
        lambda c: c.client.post(
            c.workspaces, json={"name": "new", "default_mcp_server_ids": [c.server_id]}
        ),
        (4, 1, 0, 0),
    ),
    f"GET {WORKSPACES}/{{workspace_id}}": (lambda c: c.client.get(c.workspace), (5, 0, 0, 0)),
    f"PATCH {WORKSPACES}/{{workspace_id}}": (
        lambda c: c.client.patch(c.workspace, json={"name": "new"}),
        (5, 1, 0, 0),
    ),
    f"DELETE {WORKSPACES}/{{workspace_id}}": (
        lambda c: c.client.delete(c.workspace),
        (4, 1, 0, 0),
    ),
    "GET /api/experimental/mcp/servers": (lambda c: c.client.get(SERVERS), (3, 0, 0, 0)),
    "POST /api/experimental/mcp/servers": (Caller.register_by_url, (1, 2, 0, 4)),
    f"GET {ONE}": (lambda c: c.client.get(f"{SERVERS}/{c.server_id}"), (3, 0, 0, 0)),
    f"PATCH {ONE}": (
        lambda c: c.client.patch(f"{SERVERS}/{c.server_id}", json={"description": "New"}),
        (3, 1, 0, 0),
    ),
    f"DELETE {ONE}": (lambda c: c.client.delete(f"{SERVERS}/{c.other_id}"), (3, 2, 0, 0)),
    f"POST {ONE}/rediscover": (
        lambda c: c.client.post(f"{SERVERS}/{c.server_id}/rediscover"),
        (4, 2, 0, 4),
    ),
    f"GET {ONE}/acl": (lambda c: c.client.get(f"{SERVERS}/{c.server_id}/acl"), (5, 0, 0, 0)),
    f"PATCH {ONE}/acl": (
        lambda c: c.client.patch(
            f"{SERVERS}/{c.server_id}/acl", json={"group_roles": {c.organization_id: ""}}
        ),
        (5, 1, 0, 0),
    ),
    f"GET {ONE}/acl/available": (
        lambda c: c.client.get(f"{SERVERS}/{c.server_id}/acl/available"),
        (8, 0, 0, 0),
    ),
    f"GET {ONE}/tools": (
        lambda c: c.client.get(f"{SERVERS}/{c.server_id}/tools"),
        (3, 0, 0, 1),
    ),
    f"GET {ONE}/tools/approvals": (
        lambda c: c.client.get(f"{SERVERS}/{c.server_id}/tools/approvals"),
        (4, 0, 0, 1),
    ),
    f"POST {ONE}/tools/approvals": (
        lambda c: c.client.post(f"{SERVERS}/{c.server_id}/tools/approvals", json={"all": True}),
        (4, 1, 0, 1),
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
    f"GET {ONE}/icon": (lambda c: c.client.get(f"{SERVERS}/{c.other_id}/icon"), (3, 0, 0, 0)),
    f"PUT {ONE}/icon": (
        lambda c: c.client.put(f"{SERVERS}/{c.other_id}/icon", content=GIF, headers=IMAGE),
        (2, 1, 0, 0),
    ),
    f"DELETE {ONE}/icon": (
        lambda c: c.client.delete(f"{SERVERS}/{c.other_id}/icon"),
        (2, 1, 0, 0),
    ),
    f"GET {ONE}/user-headers": (
        lambda c: c.client.get(f"{SERVERS}/{c.other_id}/user-headers"),
        (3, 0, 0, 0),
    ),
    f"PUT {ONE}/user-headers": (
        lambda c: c.client.put(
            f"{SERVERS}/{c.other_id}/user-headers", json={"values": {"X-Token": "mine"}}
        ),
        (3, 1, 0, 0),
    ),
    f"DELETE {ONE}/user-headers": (
        lambda c: c.client.delete(f"{SERVERS}/{c.filled_id}/user-headers"),
        (2, 1, 0, 0),
    ),
    f"POST {CHATS}": (lambda c: c.client.post(CHATS, json=c.chat), (5, 1, 0, 0)),
    f"GET {CHATS}": (lambda c: c.client.get(CHATS), (3, 0, 0, 0)),
    f"GET {CHAT}": (lambda c: c.client.get(c.due), (3, 0, 0, 0)),
    f"PATCH {CHAT}": (lambda c: c.client.patch(c.due, json={"title": "New"}), (2, 1, 0, 0)),
    f"DELETE {CHAT}": (lambda c: c.client.delete(c.due), (3, 2, 0, 0)),
    f"GET {CHAT}/messages": (lambda c: c.client.get(f"{c.due}/messages"), (3, 0, 0, 0)),
    f"POST {CHAT}/messages": (
        lambda c: c.client.post(f"{c.over}/messages", json={"content": text("And then?")}),
        (3, 1, 0, 0),
    ),
    f"PATCH {CHAT}/messages/{{message_id}}": (
        lambda c: c.client.patch(f"{c.due}/messages/1", json={"content": text("Or else?")}),
        (4, 1, 0, 0),
    ),
    f"GET {CHAT}/events": (lambda c: c.client.get(f"{c.due}/events"), (3, 0, 0, 0)),
    f"POST {CHAT}/stream-tickets": (
        lambda c: c.client.post(f"{c.over}/stream-tickets"),
        (2, 1, 0, 0),
    ),
    f"POST {CHAT}/interrupt": (lambda c: c.client.post(f"{c.due}/interrupt"), (2, 1, 0, 0)),
    f"GET {CHATS}/by-workspace": (
        lambda c: c.client.get(
            f"{CHATS}/by-workspace?workspace_ids={c.workspace.rpartition('/')[2]}"
        ),
        (2, 0, 0, 0),
    ),
    f"POST {CHAT}/title/regenerate": (
        lambda c: c.client.post(f"{c.over}/title/regenerate"),
        (7, 1, 0, 1),
    ),
    f"POST {CHAT}/retry": (lambda c: c.client.post(f"{c.failed}/retry"), (3, 1, 0, 0)),
    f"POST {CHAT}/tool-approvals": (
        lambda c: c.client.post(f"{c.asking}/tool-approvals", json=DECISIONS),
        (2, 1, 0, 0),
    ),
    f"DELETE {CHAT}/queue/{{queued_id}}": (
        lambda c: c.client.delete(f"{c.busy}/queue/1"),
        (2, 1, 0, 0),
    ),
    f"POST {CHAT}/queue/{{queued_id}}/promote": (
        lambda c: c.client.post(f"{c.busy}/queue/2/promote"),
        (3, 1, 0, 0),
    ),
    f"POST {CHATS}/files": (Caller.upload, (2, 3, 0, 0)),
    f"GET {CHATS}/files/{{file_id}}": (lambda c: c.client.get(c.file), (3, 0, 0, 0)),
    f"DELETE {CHATS}/files/{{file_id}}": (lambda c: c.client.delete(c.file), (2, 4, 0, 0)),
    f"GET {COST}/{{user_id}}/summary": (
        lambda c: c.client.get(f"{COST}/me/summary"),
        (2, 0, 0, 0),
    ),
    f"GET {COST}/users": (lambda c: c.client.get(f"{COST}/users"), (3, 0, 0, 0)),
    f"GET {COST}/chats/{{chat_id}}": (
        lambda c: c.client.get(f"{COST}/chats/{c.due.rpartition('/')[2]}"),
        (3, 0, 0, 0),
    ),
    f"GET {MODELS}": (lambda c: c.client.get(MODELS), (2, 0, 0, 0)),
    f"GET {PROVIDERS}": (lambda c: c.client.get(PROVIDERS), (2, 0, 0, 0)),
    f"POST {PROVIDERS}": (lambda c: c.client.post(PROVIDERS, json=provider_body()), (2, 1, 0, 0)),
    f"GET {PROVIDERS}/{{provider_id}}": (lambda c: c.client.get(c.provider), (2, 0, 0, 0)),
    f"PATCH {PROVIDERS}/{{provider_id}}": (
        lambda c: c.client.patch(c.provider, json={"display_name": "New"}),
        (2, 1, 0, 0),
    ),
    f"DELETE {PROVIDERS}/{{provider_id}}": (
        lambda c: c.client.delete(c.unused_provider),
        (2, 1, 0, 0),
    ),
    f"GET {CONFIGS}": (lambda c: c.client.get(CONFIGS), (2, 0, 0, 0)),
    f"POST {CONFIGS}": (
        lambda c: c.client.post(CONFIGS, json=config_body(c.provider_id)),
        (2, 1, 0, 0),
    ),
    f"GET {CONFIGS}/{{config_id}}": (lambda c: c.client.get(c.config), (2, 0, 0, 0)),
    f"PATCH {CONFIGS}/{{config_id}}": (
        lambda c: c.client.patch(c.config, json={"is_default": True}),
        (2, 1, 0, 0),
    ),
    f"DELETE {CONFIGS}/{{config_id}}": (lambda c: c.client.delete(c.config), (2, 1, 0, 0)),
    f"GET {LIMITS}": (lambda c: c.client.get(c.limits), (3, 0, 0, 0)),
    f"PUT {LIMITS}": (lambda c: c.client.put(c.limits, json=LIMIT), (3, 1, 0, 0)),
    f"PUT {LIMITS}/overrides/{{user_id}}": (
        lambda c: c.client.put(f"{c.limits}/overrides/{c.user_id}", json=LIMIT),
        (3, 1, 0, 0),
    ),
    f"DELETE {LIMITS}/overrides/{{user_id}}": (
        lambda c: c.client.delete(f"{c.limits}/overrides/me"),
        (2, 1, 0, 0),
    ),
    f"PUT {LIMITS}/group-overrides/{{group_id}}": (
        lambda c: c.client.put(c.group_limit, json=LIMIT),
        (4, 1, 0, 0),
    ),
    f"DELETE {LIMITS}/group-overrides/{{group_id}}": (
        lambda c: c.client.delete(c.group_limit),
        (2, 1, 0, 0),
    ),
    f"GET {LIMITS}/status": (lambda c: c.client.get(f"{c.limits}/status"), (2, 0, 0, 0)),
    f"GET {AUDIT}": (lambda c: c.client.get(f"{AUDIT}?actor=me"), (2, 0, 0, 0)),
    f"GET {AUDIT}/export": (lambda c: c.client.get(f"{AUDIT}/export?actor=me"), (2, 0, 0, 0)),
}
TOKEN = "admin-token-for-tests-0123456789abcdef"
WAKE_A_WORKER = {
    f"POST {CHATS}",
    f"POST {CHAT}/messages",
    f"PATCH {CHAT}/messages/{{message_id}}",
    f"POST {CHAT}/retry",
    f"POST {CHAT}/tool-approvals",
    f"POST {CHAT}/queue/{{queued_id}}/promote",
}
READS = {"GetItem", "BatchGetItem", "Query", "DescribeTable"}


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
        sent = {k: n for k, n in world.deployment.aws_calls.calls.items() if k.startswith("sqs.")}
        assert sent == ({"sqs.SendMessage": 1} if endpoint in WAKE_A_WORKER else {})
        assert_logged(world, endpoint, sum(expected[:2]), *expected[2:], sum(sent.values()))


def assert_logged(
    world: World, endpoint: str, dynamodb: int, kms: int, outbound: int, sqs: int
) -> None:
    """The request's own line tells the same."""
    line = json.loads(world.deployment.log_lines[-1])
    assert f"{line['method']} {line['route']}" == endpoint
    counted = {"dynamodb": dynamodb, "kms": kms, "outbound": outbound, "sqs": sqs}
    assert line["calls"] == {name: number for name, number in counted.items() if number}


def test_every_endpoint_has_a_cost() -> None:
    assert set(COSTS) == {f"{route.method} {route.path}" for route in ROUTES}


def test_an_idempotency_key_costs_two_writes_and_its_repetition_one_refused_and_a_read(
    world: World,
) -> None:
    with world.deployment.admin as client:
        create_server(client, auth_type="custom_headers", custom_headers={"X-A": "warms the key"})
        for expected in ((2, 3, 0, 0), (2, 1, 0, 0)):
            world.deployment.aws_calls.reset()
            answer = client.post(
                "/api/v2/users/me/keys/tokens", json={}, headers={"Idempotency-Key": "key-1"}
            )
            assert answer.status_code == 201
            assert _counted(world) == expected


def test_listing_costs_the_same_however_many_servers_there_are(world: World) -> None:
    with world.deployment.admin as client, world.browser() as browser:
        caller = Caller(world, client, browser)
        for number in range(20):
            create_server(client, slug=f"s-{number}", auth_type="none")
        caller.reset()
        assert len(caller.client.get(SERVERS).json()) == 23
    assert _counted(world) == COSTS["GET /api/experimental/mcp/servers"][1]


@pytest.mark.parametrize("is_for_all", [True, False])
@pytest.mark.parametrize("endpoint", ["", "/{id}", "/{id}/oauth2/connect", "/{id}/tools"])
def test_a_member_costs_one_read_more_where_a_server_is_not_for_all(
    world: World, endpoint: str, is_for_all: bool
) -> None:
    mara = new_person(world.deployment)
    default = default_organization(world.deployment)
    join(world.deployment, default, mara)
    ids = [
        world.register(slug=slug, organization_ids=[] if is_for_all else [default])["id"]
        for slug in ("first", "second")
    ]
    world.connect_as(mara.token, ids[0])
    with mara.client as client:
        client.get(f"{SERVERS}/{ids[0]}/tools")
        world.deployment.aws_calls.reset()
        answer = client.get(SERVERS + endpoint.format(id=ids[0]))
    assert answer.status_code in {200, 307}
    assert _counted(world)[0] == (3 if is_for_all else 4)


def test_a_diagnosis_costs_what_a_listing_costs(world: World) -> None:
    with world.deployment.admin as client, world.browser() as browser:
        caller = Caller(world, client, browser)
        world.deployment.aws_calls.reset()
        world.internet.requests.clear()
        path = f"{SERVERS}/{caller.server_id}/tools?diagnose=true"
        assert client.get(path).json()["ok"]
    assert _counted(world) == COSTS[f"GET {ONE}/tools"][1]


def test_approvals_are_read_once_for_each_of_their_versions(world: World) -> None:
    counts = []
    with world.deployment.admin as client, world.browser() as browser:
        caller = Caller(world, client, browser)
        path = f"{SERVERS}/{caller.server_id}/tools"
        client.post(f"{path}/approvals", json={"all": True}).raise_for_status()
        for _ in range(2):
            world.deployment.aws_calls.reset()
            client.get(path).raise_for_status()
            counts.append(_counted(world)[0])
    assert counts == [4, 3]


@pytest.mark.parametrize(
    ("is_modern", "flag", "withhold"), [(True, 2, 2), (False, 4, 5)], ids=["modern", "legacy"]
)
def test_withholding_costs_a_listing_where_a_call_needs_none(
    world: World, is_modern: bool, flag: int, withhold: int
) -> None:
    world.resource_server.is_modern = is_modern
    counts = []
    with world.deployment.admin as client, world.browser() as browser:
        caller = Caller(world, client, browser)
        path = f"{SERVERS}/{caller.server_id}"
        client.post(f"{path}/tools/approvals", json={"all": True}).raise_for_status()
        for setting in ("flag", "withhold"):
            client.patch(path, json={"tool_changes": setting}).raise_for_status()
            client.get(f"{path}/tools").raise_for_status()
            world.internet.requests.clear()
            client.post(f"{path}/tools/call", json={"name": "search"}).raise_for_status()
            counts.append(len(world.internet.requests))
    assert counts == [flag, withhold]


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

"""The examples of the OpenAPI document and of docs/api.md are what really happens.

`make api-docs` records them anew.
"""

import json
import re
import shlex
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from chalicelib.api import ROUTES
from chalicelib.api.examples import FILE, read_examples
from infra.api_reference import render
from tests.support.chat_models import CONFIGS, MODELS, PROVIDERS
from tests.support.chats import CHATS, text
from tests.support.deployment import ADMIN_TOKEN
from tests.support.examples import Recorder
from tests.support.journey import MCP_URL, World
from tests.support.people import ME, ORGANIZATIONS, USERS, default_organization
from tests.support.plain_server import PLAIN_URL, PlainServer
from tests.support.servers import SERVERS

WITHOUT_EXAMPLE = {
    *("get_login", "start_oidc", "finish_oidc", "connect", "callback"),  # For browsers.
    *("get_icon", "put_icon", "delete_icon"),  # Images.
    *("upload_chat_file", "get_chat_file", "delete_chat_file"),  # As well.
    *("get_openapi", "export_events"),  # The whole document; lines of JSON.
    "create_stream_ticket",  # No two are alike; infra/api_guide.md has one.
    "client_metadata",  # For authorization servers.
    *("retry_chat", "decide_tool_calls", "regenerate_title"),  # They follow a model's turn.
}
TICKETS = {
    "display_name": "Tickets",
    "url": MCP_URL,
    "transport": "streamable_http",
    "auth_type": "oauth2",
    "availability": "default_on",
    "enabled": True,
}
KEYED = {
    "display_name": "Keyed",
    "url": PLAIN_URL,
    "transport": "streamable_http",
    "auth_type": "custom_headers",
    "user_header_names": ["X-Token"],
    "availability": "default_off",
    "enabled": True,
}


class Guide:
    """The admin, who does everything once; lists have one thing each, or their order would vary."""

    def __init__(self, world: World, admin: httpx.Client) -> None:
        self.world = world
        self.admin = admin
        self.recorder = Recorder()

    def do(self, method: str, path: str, body: Any = None) -> Any:
        return self.recorder.send(self.admin, method, path, body)

    def show_everything(self) -> None:
        self.show_system()
        mara = self.show_people()
        team = self.show_organization(mara)
        workspace = self.show_workspaces(team)
        tickets = self.show_servers(team, mara)
        self.show_tools(tickets)
        self.show_user_headers()
        models = self.show_models()
        chat = self.show_chats(tickets)
        self.show_messages(chat)
        self.show_usage(mara, chat)
        self.do("GET", "/api/v2/audit?object_type=chat&action=create")
        self.remove(tickets, team, mara, workspace, *models, chat)

    def show_system(self) -> None:
        for path in ("/healthz", "/readyz", "/api/v2/buildinfo"):
            self.do("GET", path)
        with self.world.deployment.client() as browser:
            self.recorder.send(browser, "POST", f"{USERS}/login", {"token": ADMIN_TOKEN})

    def show_people(self) -> str:
        body = {"email": "mara@example.com", "username": "mara", "name": "Mara"}
        mara = f"{USERS}/{self.do('POST', USERS, body)['id']}"
        self.do("GET", f"{USERS}?q=mara&status=active")
        self.do("GET", ME)
        self.do("PATCH", mara, {"name": "Mara Lind"})
        wanted = {"token_name": "reports", "scopes": ["read"], "lifetime": 3600}
        token = self.do("POST", f"{mara}/keys/tokens", wanted)
        self.do("GET", f"{mara}/keys/tokens")
        self.do("GET", f"{mara}/keys/{token['id']}")
        self.do("DELETE", f"{mara}/keys/{token['id']}")
        self.do("PUT", f"{mara}/status/suspend")
        self.do("PUT", f"{mara}/status/activate")
        return mara

    def show_organization(self, user: str) -> str:
        mara = user.rpartition("/")[2]
        self.do("GET", ORGANIZATIONS)
        body = {"name": "design", "display_name": "Design"}
        team = f"{ORGANIZATIONS}/{self.do('POST', ORGANIZATIONS, body)['id']}"
        self.do("GET", team)
        self.do("PATCH", team, {"description": "Whoever draws."})
        self.do("GET", f"{team}/members")
        self.do("POST", f"{team}/members/{mara}", {"roles": []})
        self.do("PUT", f"{team}/members/{mara}/roles", {"roles": ["organization-admin"]})
        body = {"name": "writers", "display_name": "Writers"}
        group = f"{team}/groups/{self.do('POST', f'{team}/groups', body)['id']}"
        self.do("GET", f"{team}/groups")
        self.do("GET", group)
        self.do("PATCH", group, {"display_name": "All writers"})
        self.do("PUT", f"{group}/members/{mara}")
        self.do("GET", f"{group}/members")
        self.do("DELETE", f"{group}/members/{mara}")
        self.do("DELETE", group)
        return team

    def show_workspaces(self, team: str) -> str:
        body = {"name": "Atlas", "instructions": "Answer in short sentences."}
        self.workspace_id = self.do("POST", f"{team}/workspaces", body)["id"]
        workspace = f"{team}/workspaces/{self.workspace_id}"
        self.do("GET", f"{team}/workspaces")
        self.do("GET", workspace)
        self.do("PATCH", workspace, {"instructions": "Answer in one sentence."})
        return workspace

    def show_servers(self, team: str, user: str) -> str:
        tickets = f"{SERVERS}/{self.do('POST', SERVERS, TICKETS)['id']}"
        self.do("GET", SERVERS)
        self.do("GET", tickets)
        self.do("PATCH", tickets, {"description": "What is to be done."})
        self.do("POST", f"{tickets}/rediscover")
        self.do("GET", f"{tickets}/acl/available?q=mara")
        everyone, mara = (each.rpartition("/")[2] for each in (team, user))
        change = {"user_roles": {mara: "read"}, "group_roles": {everyone: ""}}
        self.do("PATCH", f"{tickets}/acl", change)
        self.do("GET", f"{tickets}/acl")
        return tickets

    def show_tools(self, tickets: str) -> None:
        self.world.connect_as(ADMIN_TOKEN, tickets.rpartition("/")[2])
        self.do("GET", f"{tickets}/tools?refresh=true")
        self.do("GET", "/api/experimental/mcp/tools")
        self.do("POST", f"{tickets}/tools/approvals", {"all": True})
        self.do("GET", f"{tickets}/tools/approvals")
        self.do("POST", f"{tickets}/tools/call", {"name": "search", "arguments": {}})

    def show_user_headers(self) -> None:
        PlainServer().join(self.world.internet)
        keyed = f"{SERVERS}/{self.do('POST', SERVERS, KEYED)['id']}/user-headers"
        self.do("PUT", keyed, {"values": {"X-Token": "your-own-token"}})
        self.do("GET", keyed)
        self.do("DELETE", keyed)

    def show_models(self) -> tuple[str, str]:
        body = {"provider": "openai", "display_name": "OpenAI", "api_key": "sk-made-up"}
        provider = f"{PROVIDERS}/{self.do('POST', PROVIDERS, body)['id']}"
        self.do("GET", PROVIDERS)
        self.do("GET", provider)
        self.do("PATCH", provider, {"display_name": "OpenAI, ours"})
        body = {"provider_id": provider.rpartition("/")[2], "model": "gpt-4.1-mini"}
        model = f"{CONFIGS}/{self.do('POST', CONFIGS, {**body, 'context_limit': 128_000})['id']}"
        self.do("GET", CONFIGS)
        self.do("GET", model)
        self.do("PATCH", model, {"display_name": "The small one"})
        self.do("GET", MODELS)
        return model, provider

    def show_chats(self, tickets: str) -> str:
        organization = default_organization(self.world.deployment)
        content = text("What is open?")
        server_ids = [tickets.rpartition("/")[2]]
        body = {"organization_id": organization, "content": content, "mcp_server_ids": server_ids}
        chat = f"{CHATS}/{self.do('POST', CHATS, body)['id']}"
        self.do("GET", f"{CHATS}/by-workspace?workspace_ids={self.workspace_id}")
        self.do("GET", f"{CHATS}?limit=10")
        self.do("GET", chat)
        self.do("PATCH", chat, {"labels": {"project": "atlas"}})
        return chat

    def show_messages(self, chat: str) -> None:
        """The turn that the chat began with waits for a worker, and so do further messages."""
        self.do("GET", f"{chat}/messages")
        self.do("GET", f"{chat}/events?after_id=0")
        queued = [
            self.do("POST", f"{chat}/messages", {"content": text(words)})["queued_message"]["id"]
            for words in ("And since when?", "Never mind.")
        ]
        self.do("DELETE", f"{chat}/queue/{queued[1]}")
        self.do("POST", f"{chat}/queue/{queued[0]}/promote")
        self.do("POST", f"{chat}/interrupt")
        first = self.do("GET", f"{chat}/messages?after_id=0")["messages"][0]["id"]
        self.do("PATCH", f"{chat}/messages/{first}", {"content": text("What is open here?")})

    def show_usage(self, user: str, chat: str) -> None:
        mara, organization = user.rpartition("/")[2], default_organization(self.world.deployment)
        limits = f"{CHATS}/usage-limits"
        self.do("PUT", limits, {"spend_limit_micros": 50_000_000})
        for path in (f"{limits}/overrides/{mara}", f"{limits}/group-overrides/{organization}"):
            self.do("PUT", path, {"spend_limit_micros": 20_000_000})
        self.do("GET", limits)
        self.do("GET", f"{limits}/status")
        for path in (f"{limits}/overrides/{mara}", f"{limits}/group-overrides/{organization}"):
            self.do("DELETE", path)
        self.do("GET", f"{CHATS}/cost/me/summary?start_date=2026-11-01&end_date=2026-11-30")
        self.do("GET", f"{CHATS}/cost/users?username=mara")
        self.do("GET", chat.replace(CHATS, f"{CHATS}/cost/chats"))

    def remove(self, tickets: str, team: str, user: str, *others: str) -> None:
        self.do("DELETE", f"{tickets}/oauth2/disconnect")
        for each in (tickets, *others):
            self.do("DELETE", each)
        self.do("DELETE", f"{team}/members/{user.rpartition('/')[2]}")
        self.do("DELETE", team)
        self.do("DELETE", user)
        self.do("POST", f"{USERS}/logout")


def test_the_examples_are_what_happens(world: World, pytestconfig: pytest.Config) -> None:
    with world.deployment.client(ADMIN_TOKEN, **{"User-Agent": "curl/8.14.1"}) as admin:
        guide = Guide(world, admin)
        guide.show_everything()
    recorded = guide.recorder.render()
    if pytestconfig.getoption("--write-examples"):
        FILE.write_text(recorded, encoding="utf-8")
    assert FILE.read_text(encoding="utf-8") == recorded, "run `make api-docs`"


def test_every_operation_for_programs_has_an_example() -> None:
    assert {route.view.__name__ for route in ROUTES} == read_examples().keys() | WITHOUT_EXAMPLE


def test_the_page_shows_the_requests_that_were_made() -> None:
    shown = [read_command(block) for block in re.findall(r"```sh\n(.*?)```", render(), re.DOTALL)]
    for name, example in read_examples().items():
        (route,) = (route for route in ROUTES if route.view.__name__ == name)
        parameters = example.get("parameters", {})
        path = re.sub(r"{(\w+)}", lambda found: f"${found[1].upper()}", route.path)
        if parameters.get("user_id") == "me":
            path = path.replace("$USER_ID", "me")
        query = {
            each: value if isinstance(value, str) else json.dumps(value)
            for each, value in parameters.items()
            if f"{{{each}}}" not in route.path
        }
        request = (route.method, path, query, example.get("body"), not route.public)
        assert request in shown, name


def read_command(block: str) -> tuple[str, str, dict[str, str], Any, bool]:
    """What `curl` would do: method, path, query, body, and whether it shows a token."""
    words = shlex.split(block)
    options = {name: words[at + 1] for at, name in enumerate(words) if name in {"-X", "-d"}}
    (url,) = (httpx.URL(word[1:]) for word in words if word.startswith("$CIBORIUM"))
    path = unquote(url.path.removeprefix("CIBORIUM"))
    body = json.loads(options["-d"]) if "-d" in options else None
    method = options.get("-X", "POST" if "-d" in options else "GET")
    return method, path, dict(url.params), body, "Authorization: Bearer $TOKEN" in words

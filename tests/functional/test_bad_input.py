"""Whatever is sent, the answer is a clear refusal or a success: never a 5xx."""

import json
from typing import Any

import pytest

from tests.support.chat_models import (
    CONFIGS,
    PROVIDERS,
    config_body,
    create_config,
    create_provider,
    provider_body,
)
from tests.support.chats import CHATS, offer_model, text
from tests.support.deployment import Deployment, error_of
from tests.support.people import default_organization
from tests.support.servers import NOWHERE, SERVERS, server_body

CHAT = f"{CHATS}/{{chat_id}}"
MESSAGE: dict[str, Any] = {
    "content": text("x"),
    "model_config_id": None,
    "mcp_server_ids": [],
}
SERVER = {
    **server_body(custom_headers={}, tool_allow_list=[], tool_deny_list=[], enabled=False),
    **dict.fromkeys(("description", "icon_url", "api_key_header", "api_key_value"), ""),
    **dict.fromkeys(("oauth2_client_id", "oauth2_client_secret", "oauth2_scopes"), ""),
    **dict.fromkeys(("oauth2_auth_url", "oauth2_token_url", "oauth2_revocation_url"), ""),
    "organization_ids": [],
}
PROVIDER = provider_body(base_url="", region="", enabled=True)
MODEL = config_body(
    NOWHERE, display_name="x", enabled=True, is_default=True, compression_threshold=70
) | dict.fromkeys(
    ("max_output_tokens", "input_price", "output_price", "cache_read_price", "cache_creation_price")
)
WORKSPACE = {"name": "n", "instructions": "i", "default_mcp_server_ids": []}
BODIES: dict[str, dict[str, Any]] = {
    f"POST {SERVERS}": SERVER,
    f"PATCH {SERVERS}/{{server_id}}": SERVER,
    f"PATCH {SERVERS}/{{server_id}}/acl": {"user_roles": {}, "group_roles": {}},
    "POST /api/v2/users": {"email": "a@b", "username": "u", "name": "n", "roles": []},
    "PATCH /api/v2/users/me": {"email": "a@b", "username": "u", "name": "n", "roles": ["owner"]},
    "POST /api/v2/users/me/keys/tokens": {"token_name": "x", "lifetime": 60, "scopes": ["all"]},
    "POST /api/v2/organizations": {"name": "n", "display_name": "d", "description": ""},
    "POST /api/v2/organizations/{organization_id}/workspaces": WORKSPACE,
    "PATCH /api/v2/organizations/{organization_id}/workspaces/{workspace_id}": WORKSPACE,
    "POST /api/v2/users/login": {"token": "x", "next": ""},
    f"POST {CHATS}": {
        **MESSAGE,
        "organization_id": "{organization_id}",
        "system_prompt": "x",
        "workspace_id": None,
        "labels": {},
    },
    f"PATCH {CHAT}": {
        **dict.fromkeys(("archived", "pin_order", "has_unread")),
        "title": "x",
        "labels": {},
        "mcp_server_ids": [],
    },
    f"POST {CHAT}/messages": {**MESSAGE, "busy_behavior": "queue"},
    f"PATCH {CHAT}/messages/1": MESSAGE,
    f"POST {CHAT}/tool-approvals": {"decisions": [{"tool_call_id": "x", "approved": True}]},
    f"POST {PROVIDERS}": PROVIDER,
    f"PATCH {PROVIDERS}/{{provider_id}}": PROVIDER,
    f"POST {CONFIGS}": MODEL,
    f"PATCH {CONFIGS}/{{config_id}}": MODEL,
}
QUERIES = (
    *("limit", "after_id", "before_id", "next", "code", "state", "iss", "error"),
    *("actor", "object_type", "object_id", "organization_id", "action", "from", "to", "cursor"),
    *("q", "status", "label", "wait"),
)
VALUES: list[Any] = [
    *(None, 1, -1, 2**70, 1.5, True, [], {}, "", "  ", "x" * 5000, "a\u0000b", "😀" * 100),
    *([None], [[]], [{}], {"a": None}, {"": ""}, {"\u0000": "x"}, ["x"] * 600, "'\"<>"),
    *("https://[::1", "https://a:b", "http://example.com:0/", "https://example.com\\@evil"),
    *("https://\u0000", "https://exa mple.com", "/icon\n", "../..", "%00", "\u202e"),
]
RAW = [
    *(b"", b" ", b"{", b"[]", b"null", b"NaN", b"\xff\xfe", b'{"display_name":"\\ud800"}'),
    b'{"a":' + b"[" * 50_000,
]


def new_chat(deployment: Deployment) -> str:
    offer_model(deployment)
    body = {"organization_id": default_organization(deployment), "content": text("Hello")}
    return str(deployment.admin.post(CHATS, json=body).raise_for_status().json()["id"])


@pytest.mark.parametrize("endpoint", BODIES)
def test_no_body_makes_a_5xx(deployment: Deployment, endpoint: str) -> None:
    method, _, path = endpoint.partition(" ")
    json_type = {"Content-Type": "application/json"}
    with deployment.admin as admin:
        created = admin.post(SERVERS, json=server_body(slug="base")).json()
        provider_id = create_provider(admin)["id"]
        organization = default_organization(deployment)
        workspaces = f"/api/v2/organizations/{organization}/workspaces"
        workspace = admin.post(workspaces, json={"name": "base"}).json()
        path = path.format(
            server_id=created["id"],
            provider_id=provider_id,
            config_id=create_config(admin, provider_id)["id"],
            organization_id=organization,
            workspace_id=workspace["id"],
            chat_id=new_chat(deployment),
        )
        odd = [
            json.dumps({**BODIES[endpoint], name: value})
            .replace("{organization_id}", organization)
            .encode()
            for name in BODIES[endpoint]
            for value in VALUES
        ]
        for content in [*odd, *RAW]:
            answer = admin.request(method, path, content=content, headers=json_type)
            assert answer.status_code < 500, content[:200]
            if answer.status_code >= 400:
                assert answer.json()["message"]


@pytest.mark.parametrize(
    "path",
    [
        *(CHATS, f"{CHAT}/messages", f"{CHAT}/events"),
        *("/login", "/api/v2/users", "/api/v2/audit"),
        *(f"{SERVERS}/{NOWHERE}/oauth2/callback", "/api/v2/users/oidc/callback"),
    ],
)
def test_no_query_makes_a_5xx(deployment: Deployment, path: str) -> None:
    path = path.format(chat_id=new_chat(deployment)) if "{chat_id}" in path else path
    with deployment.admin as admin:
        for name in QUERIES:
            for value in ("", "x", "-1", "9" * 20, "%00", "%ff", "a%0d%0ab", f"1&{name}=2"):
                assert admin.get(f"{path}?{name}={value}").status_code < 500, (name, value)


NAMES = [
    (f"POST {SERVERS}", "display_name", SERVER),
    ("POST /api/v2/users", "name", {"email": "a@b", "username": "u"}),
    ("POST /api/v2/users", "email", {"username": "u"}),
    ("PATCH /api/v2/users/me", "name", {}),
    ("POST /api/v2/users/me/keys/tokens", "token_name", {}),
    ("POST /api/v2/organizations", "display_name", {"name": "n"}),
]


@pytest.mark.parametrize(("endpoint", "field", "body"), NAMES, ids=lambda each: str(each)[:40])
@pytest.mark.parametrize("odd", ["\x1b[2J", "\x00", "\x85", "\u202e", "a\nb"], ids=ascii)
def test_no_name_holds_what_a_terminal_obeys_or_the_eye_does_not_see(
    deployment: Deployment, endpoint: str, field: str, body: dict[str, Any], odd: str
) -> None:
    method, _, path = endpoint.partition(" ")
    with deployment.admin as admin:
        answer = admin.request(method, path, json={**body, field: f"x{odd}@y"})
    assert error_of(answer) == (400, "invalid_body")
    assert [each["field"] for each in answer.json()["validations"]] == [field]

"""The audit log: what is recorded of what."""

from typing import Any

from chalicelib.sdk.requests.mcp_servers import CreateMCPServerConfigRequest
from tests.support import aws
from tests.support.audit import CHATS, ORGANIZATIONS, events, me
from tests.support.authorization_server import AuthorizationServer
from tests.support.chats import offer_model, text
from tests.support.deployment import ADMIN_TOKEN, Deployment, error_of
from tests.support.journey import World
from tests.support.servers import MANUAL_OAUTH2, NOWHERE, SERVERS, create_server
from tests.support.tables import table_items


def test_an_event_tells_who_did_what_when_and_from_where(deployment: Deployment) -> None:
    with deployment.admin as admin:
        admin.headers["User-Agent"] = "tests/1.0 " + "x" * 500
        server = create_server(admin, description="Old")
        deployment.clock.advance(minutes=1)
        answer = admin.patch(f"{SERVERS}/{server['id']}", json={"description": "New"})
        (event,) = events(admin, action="update")
        assert event == {
            "id": event["id"],
            "time": "2026-11-23T12:01:00Z",
            "action": "update",
            "object_type": "mcp_server",
            "object_id": server["id"],
            "actor_id": me(admin),
            "actor_username": "admin",
            "request_id": answer.headers["x-request-id"],
            "source_ip": "127.0.0.1",
            "user_agent": event["user_agent"],
            "diff": {"description": {"old": "Old", "new": "New"}},
        }
        assert event["user_agent"].startswith("tests/1.0 ")
        assert len(event["user_agent"]) == 256


def test_of_a_secret_only_its_writing_is_told(deployment: Deployment) -> None:
    with deployment.admin as admin:
        server = create_server(admin, **MANUAL_OAUTH2)
        changes = {"oauth2_client_secret": "sentinel-new-secret", "oauth2_scopes": "read"}
        admin.patch(f"{SERVERS}/{server['id']}", json=changes).raise_for_status()
        (event,) = events(admin, action="update")
    assert event["diff"] == {
        "oauth2_client_secret": {"secret": True},
        "oauth2_scopes": {"new": "read"},
    }


def test_creation_and_deletion_tell_what_there_was(deployment: Deployment) -> None:
    with deployment.admin as admin:
        server = create_server(admin, tool_deny_list=["drop"])
        deployment.clock.advance(minutes=1)
        admin.delete(f"{SERVERS}/{server['id']}").raise_for_status()
        deleted, created = events(admin, object_id=server["id"])
    fields = {
        "display_name": "Tickets",
        "slug": "tickets",
        "transport": "streamable_http",
        "url": "https://tickets.example/mcp",
        "auth_type": "none",
        "availability": "default_off",
        "tool_deny_list": ["drop"],
        "tool_changes": "flag",
        "enabled": False,
        "model_intent": False,
        "allow_in_plan_mode": False,
        "forward_identity_headers": False,
    }
    assert (created["action"], deleted["action"]) == ("create", "delete")
    assert created["diff"] == {name: {"new": value} for name, value in fields.items()}
    assert deleted["diff"] == {name: {"old": value} for name, value in fields.items()}


def test_every_field_of_a_server_is_recorded_and_every_secret_one_as_such(
    deployment: Deployment,
) -> None:
    """A field that is added to the API and not to the log fails here."""
    secrets: dict[str, Any] = {
        "oauth2_client_secret": "sentinel-1",
        "api_key_value": "sentinel-2",
        "custom_headers": {"X-A": "sentinel-3"},
    }
    texts = ("description", "oauth2_scopes", "api_key_header", "oauth2_client_id")
    urls = ("oauth2_auth_url", "oauth2_token_url", "oauth2_revocation_url", "oauth2_issuer")
    body = {
        **dict.fromkeys(texts, "text"),
        **dict.fromkeys(urls, "https://login.example/x"),
        "icon_url": "/icon",
        "tool_allow_list": ["a"],
        "tool_deny_list": ["b"],
        "tool_rules": {"a": "ask"},
        "user_header_names": ["X-Own"],
        "auth_type": "oauth2",
        **secrets,
    }
    with deployment.admin as admin:
        organization_id = admin.get("/api/v2/organizations").json()[0]["id"]
        create_server(admin, organization_ids=[organization_id], **body)
        (event,) = events(admin, object_type="mcp_server")
    other_names = {"forward_coder_headers"}
    fields = CreateMCPServerConfigRequest.model_fields.keys() - other_names
    assert event["diff"].keys() == fields
    told = {name for name, change in event["diff"].items() if change == {"secret": True}}
    assert told == secrets.keys()


def test_people_tokens_and_sign_ins_are_recorded(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.client() as browser:
        deployment.new_member("mara").close()
        browser.post("/api/v2/users/login", json={"token": ADMIN_TOKEN}).raise_for_status()
        deployment.clock.advance(minutes=1)
        origin = {"Origin": "https://ciborium.example"}
        browser.post("/api/v2/users/logout", headers=origin).raise_for_status()
        (user,) = events(admin, object_type="user", actor="me")
        (token,) = events(admin, object_type="token", actor="me")
        logout, login = events(admin, object_type="session")
        expected = {
            "email": {"new": "mara@example.com"},
            "username": {"new": "mara"},
            "roles": {"new": ["member"]},
            "status": {"new": "active"},
        }
        assert user["diff"] == expected
        assert token["diff"].keys() == {"token_name", "user_id", "scopes", "expires_at"}
        assert token["diff"]["user_id"] == {"new": user["object_id"]}
        assert (login["action"], logout["action"]) == ("login", "logout")
        assert (login["actor_id"], logout["actor_id"]) == (me(admin), me(admin))
        assert login["object_id"] == logout["object_id"]


def test_what_the_operators_tools_made_is_recorded_once(deployment: Deployment) -> None:
    owner = deployment.services.identity.ensure_first_owner(ADMIN_TOKEN)
    deployment.services.organizations.ensure_default(owner)
    made = events(deployment.admin, actor="operator")
    assert sorted(event["object_type"] for event in made) == ["organization", "token", "user"]
    assert all("request_id" not in event and "source_ip" not in event for event in made)


def test_connecting_and_disconnecting_are_recorded_and_refreshing_is_not(world: World) -> None:
    with world.deployment.admin as admin, world.browser() as browser:
        server_id = world.register()["id"]
        world.connect(browser, server_id)
        world.deployment.clock.advance(hours=2)
        admin.get(f"{SERVERS}/{server_id}/tools").raise_for_status()  # Refreshes first.
        for _ in range(2):  # The second finds nothing to disconnect.
            admin.delete(f"{SERVERS}/{server_id}/oauth2/disconnect").raise_for_status()
        disconnected, connected = events(admin, object_type="connection")
    assert (connected["action"], disconnected["action"]) == ("connect", "disconnect")
    assert connected["object_id"] == disconnected["object_id"] == server_id
    assert connected["diff"] == {
        "issuer": {"new": "https://login.example"},
        "scope": connected["diff"]["scope"],
        "access_token": {"secret": True},
        "refresh_token": {"secret": True},
    }


def test_a_chats_event_tells_its_servers_and_not_a_word_of_it(deployment: Deployment) -> None:
    model_id = offer_model(deployment)
    with deployment.admin as admin:
        server_id = create_server(admin, enabled=True)["id"]
        chat = {
            "organization_id": admin.get(ORGANIZATIONS).json()[0]["id"],
            "content": text("My private words"),
            "mcp_server_ids": [server_id],
        }
        admin.post(CHATS, json=chat).raise_for_status()
        (event,) = events(admin, object_type="chat")
    expected = {"mcp_server_ids": [server_id], "model_config_id": model_id, "archived": False}
    assert event["diff"] == {name: {"new": each} for name, each in expected.items()}
    assert event["organization_id"] == chat["organization_id"]
    assert "private" not in str(table_items("audit"))


def test_what_is_refused_is_not_recorded(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        path = f"{SERVERS}/{create_server(admin, enabled=True)['id']}"
        before = len(table_items("audit"))
        refused = [
            mara.post(SERVERS, json={}),
            mara.delete(path),
            mara.patch(f"{path}/acl", json={"user_roles": {NOWHERE: "read"}}),
            admin.patch(f"{path}/acl", json={"user_roles": {NOWHERE: "read"}}),
            admin.post(SERVERS, json={"display_name": "x"}),
            admin.post("/api/v2/users", json={"username": "mara", "email": "mara@example.com"}),
            admin.post("/api/v2/users/login", json={"token": "wrong"}),
        ]
        assert [answer.status_code for answer in refused] == [400, 403, 403, 400, 400, 409, 401]
        assert len(table_items("audit")) == before


def test_a_deletion_that_is_repeated_to_finish_is_recorded_once(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin)['id']}"
        aws.lose_table("connections")  # The deletion stops after it has hidden the server.
        assert [admin.delete(path).status_code for _ in range(2)] == [503, 503]
        assert len(events(admin, action="delete")) == 1


def test_another_client_that_a_members_request_made_necessary_is_theirs(world: World) -> None:
    other = AuthorizationServer("https://other-login.example")
    other.clock = world.deployment.clock
    other.join(world.internet)
    with world.deployment.admin as admin, world.deployment.new_member() as mara:
        server_id = world.register()["id"]
        with world.browser(mara.headers["Authorization"].removeprefix("Bearer ")) as browser:
            world.connect(browser, server_id)
        world.resource_server.servers = [other]  # It takes other tokens from now on.
        assert error_of(mara.get(f"{SERVERS}/{server_id}/tools")) == (409, "connect_required")
        (event,) = events(admin, object_id=server_id, action="update")
    assert (event["actor_username"], event["object_type"]) == ("mara", "mcp_server")
    assert event["diff"]["oauth2_issuer"] == {
        "old": "https://login.example",
        "new": "https://other-login.example",
    }

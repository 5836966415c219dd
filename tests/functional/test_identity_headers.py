"""Servers that are told for whom and where in Ciborium they are used."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from chalicelib.audit import NO_REQUEST
from chalicelib.mcp_client.identity_headers import Origin, with_identity
from chalicelib.mcp_client.models import ToolCall
from tests.support.deployment import ADMIN_TOKEN, Deployment, start_deployment
from tests.support.internet import FakeInternet
from tests.support.journey import World
from tests.support.plain_server import PLAIN_URL, PlainServer
from tests.support.servers import SERVERS, create_server, server_body

NAMES = ("X-Ciborium-User-Id", "X-Ciborium-Chat-Id", "X-Ciborium-Workspace-Id")


@dataclass
class Scene:
    deployment: Deployment
    server: PlainServer
    admin: httpx.Client

    def use(self, **changes: object) -> str:
        """List and call a tool of a new server; its id."""
        body = {"enabled": True, "url": PLAIN_URL, **changes}
        server_id: str = create_server(self.admin, **body)["id"]
        path = f"{SERVERS}/{server_id}/tools"
        assert self.admin.get(path).status_code == 200
        assert self.admin.post(f"{path}/call", json={"name": "search"}).status_code == 200
        return server_id

    @property
    def admin_id(self) -> str:
        return str(self.admin.get("/api/v2/users/me").json()["id"])


@pytest.fixture
def scene(local_aws: None) -> Iterator[Scene]:
    internet = FakeInternet()
    server = PlainServer().join(internet)
    deployment = start_deployment(internet)
    with deployment.admin as admin:
        yield Scene(deployment, server, admin)


def test_unless_an_admin_wants_it_no_server_learns_who_uses_it(scene: Scene) -> None:
    scene.use()
    assert [scene.server.values_of(name) for name in NAMES] == [{None}] * 3


@pytest.mark.parametrize("name", ["forward_identity_headers", "forward_coder_headers"])
def test_every_request_says_for_whom_it_is(scene: Scene, name: str) -> None:
    scene.use(**{name: True})
    expected = [{scene.admin_id}, {None}, {None}]
    assert [scene.server.values_of(name) for name in NAMES] == expected


def test_a_call_for_a_chat_says_which(scene: Scene) -> None:
    server_id = scene.use(forward_identity_headers=True)
    scene.server.seen.clear()
    services = scene.deployment.services
    actor = services.identity.authenticate(ADMIN_TOKEN, NO_REQUEST)
    call = ToolCall(name="search", arguments={})
    services.tools.call_tool(actor, server_id, call, Origin(chat_id="chat-1"))
    called = scene.server.seen[-1]
    assert [called.get(name) for name in NAMES] == [scene.admin_id, "chat-1", None]


def test_a_header_that_authorises_wins(scene: Scene) -> None:
    auth = {"auth_type": "custom_headers", "custom_headers": {"x-ciborium-user-id": "service"}}
    scene.use(forward_identity_headers=True, **auth)
    assert scene.server.values_of("X-Ciborium-User-Id") == {"service"}


def test_a_renewed_token_comes_with_the_same_headers(world: World) -> None:
    server_id = world.connected(forward_identity_headers=True)
    world.resource_server.list_fields = {}
    world.authorization_server.tokens = {
        text: token
        for text, token in world.authorization_server.tokens.items()
        if token.kind == "refresh"
    }
    world.internet.requests.clear()
    assert world.list_tools(server_id).status_code == 200
    asked = [each for each in world.internet.requests if str(each.url).endswith("/mcp")]
    assert len(asked) > 1
    assert all(each.headers.get("X-Ciborium-User-Id") for each in asked)
    others = [each for each in world.internet.requests if each not in asked]
    assert not any(each.headers.get("X-Ciborium-User-Id") for each in others)


def test_a_workspace_is_told_where_there_is_one() -> None:
    headers = with_identity({"A": "b"}, "user-1", Origin("chat-1", "workspace-1"))
    assert headers == {
        "A": "b",
        **dict(zip(NAMES, ("user-1", "chat-1", "workspace-1"), strict=True)),
    }


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"forward_identity_headers": True}, True),
        ({"forward_coder_headers": True}, True),
        ({"forward_identity_headers": True, "forward_coder_headers": True}, True),
        ({"forward_identity_headers": None, "forward_coder_headers": True}, True),
        ({"forward_identity_headers": True, "forward_coder_headers": None}, True),
        ({"forward_coder_headers": False}, False),
        ({}, False),
    ],
)
def test_both_names_mean_the_same(
    deployment: Deployment, change: dict[str, object], result: bool
) -> None:
    with deployment.admin as admin:
        for shown in (
            create_server(admin, slug="made", **change),
            admin.patch(f"{SERVERS}/{create_server(admin)['id']}", json=change).json(),
        ):
            both = (shown["forward_identity_headers"], shown["forward_coder_headers"])
            assert both == (result, result)


def test_both_names_at_odds_are_400(deployment: Deployment) -> None:
    body = {"forward_identity_headers": False, "forward_coder_headers": True}
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin)['id']}"
        for refused in (
            admin.patch(path, json=body),
            admin.post(SERVERS, json=server_body(slug="other", **body)),
            admin.patch(path, json={"forward_coder_headers": "yes"}),
        ):
            assert refused.status_code == 400
            fields = [each["field"] for each in refused.json()["validations"]]
            assert fields == ["forward_coder_headers"]

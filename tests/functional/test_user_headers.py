"""Headers whose names an admin declares and whose values each user enters for themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support import aws
from tests.support.deployment import Deployment, error_of, start_deployment
from tests.support.internet import FakeInternet
from tests.support.plain_server import PLAIN_URL, PlainServer
from tests.support.servers import NOWHERE, SERVERS, create_server, server_body

TOKEN, TEAM = "X-Token", "X-Team"
OWN = {
    "auth_type": "custom_headers",
    "user_header_names": [TOKEN, TEAM],
    "enabled": True,
    "url": PLAIN_URL,
}
BOTH = {TOKEN: "sentinel-token", TEAM: "sentinel-team"}


@dataclass
class Scene:
    deployment: Deployment
    server: PlainServer
    admin: httpx.Client
    mara: httpx.Client

    def create(self, **changes: Any) -> str:
        """The path of a new server."""
        return f"{SERVERS}/{create_server(self.admin, **{**OWN, **changes})['id']}"


@pytest.fixture
def scene(local_aws: None) -> Iterator[Scene]:
    internet = FakeInternet()
    server = PlainServer().join(internet)
    deployment = start_deployment(internet)
    with deployment.admin as admin, deployment.new_member() as mara:
        yield Scene(deployment, server, admin, mara)


def enter(client: httpx.Client, path: str, values: dict[str, str]) -> dict[str, bool]:
    answer = client.put(f"{path}/user-headers", json={"values": values})
    assert answer.status_code == 200, answer.text
    filled: dict[str, bool] = answer.json()["has_values"]
    return filled


def filled_by(client: httpx.Client, path: str) -> dict[str, bool]:
    filled: dict[str, bool] = client.get(f"{path}/user-headers").json()["has_values"]
    return filled


def is_connected(client: httpx.Client, path: str) -> bool:
    listed = {each["id"]: each["auth_connected"] for each in client.get(SERVERS).json()}
    one = bool(client.get(path).json()["auth_connected"])
    assert listed[path.rpartition("/")[2]] == one
    return one


def test_requests_carry_each_users_own_values_and_the_admins(scene: Scene) -> None:
    path = scene.create(custom_headers={"X-Everybody": "shared"})
    for client, token in ((scene.admin, "the-admins"), (scene.mara, "maras")):
        enter(client, path, {TOKEN: token, TEAM: "blue"})
        scene.server.seen.clear()
        assert client.get(f"{path}/tools").status_code == 200
        called = client.post(f"{path}/tools/call", json={"name": "search"})
        assert called.status_code == 200, called.text
        assert scene.server.values_of(TOKEN) == {token}
        assert scene.server.values_of(TEAM) == {"blue"}
        assert scene.server.values_of("X-Everybody") == {"shared"}


def test_a_server_is_connected_once_every_value_is_there(scene: Scene) -> None:
    path = scene.create()
    assert filled_by(scene.mara, path) == {TOKEN: False, TEAM: False}
    assert not is_connected(scene.mara, path)
    assert enter(scene.mara, path, {TOKEN: "mine"}) == {TOKEN: True, TEAM: False}
    assert not is_connected(scene.mara, path)
    assert enter(scene.mara, path, BOTH) == {TOKEN: True, TEAM: True}
    assert filled_by(scene.mara, path) == {TOKEN: True, TEAM: True}
    assert is_connected(scene.mara, path)
    assert not is_connected(scene.admin, path), "they are Mara's alone"
    assert filled_by(scene.admin, path) == {TOKEN: False, TEAM: False}


def test_without_all_values_no_request_is_made_and_the_missing_are_named(scene: Scene) -> None:
    path = scene.create()
    enter(scene.mara, path, {TOKEN: "mine"})
    for refused in (
        scene.mara.get(f"{path}/tools"),
        scene.mara.post(f"{path}/tools/call", json={"name": "search"}),
    ):
        assert error_of(refused) == (409, "user_headers_required")
        assert TEAM in refused.json()["detail"]
        assert TOKEN not in refused.json()["detail"]
    (entry,) = scene.mara.get("/api/experimental/mcp/tools").json()["servers"]
    assert entry["error"]["code"] == "user_headers_required"
    assert scene.server.seen == []


def test_values_replace_all_former_ones_and_an_empty_one_is_none(scene: Scene) -> None:
    path = scene.create()
    enter(scene.mara, path, BOTH)
    assert enter(scene.mara, path, {TEAM: "green"}) == {TOKEN: False, TEAM: True}
    assert enter(scene.mara, path, {TOKEN: "new", TEAM: " "}) == {TOKEN: True, TEAM: False}
    assert enter(scene.mara, path, {}) == {TOKEN: False, TEAM: False}
    assert filled_by(scene.mara, path) == {TOKEN: False, TEAM: False}


def test_names_are_the_same_whatever_their_case(scene: Scene) -> None:
    path = scene.create()
    assert enter(scene.mara, path, {"x-token": "a", "X-TEAM": "b"}) == {TOKEN: True, TEAM: True}
    scene.mara.get(f"{path}/tools").raise_for_status()
    assert scene.server.values_of(TOKEN) == {"a"}


def test_values_are_forgotten_on_request_and_only_the_callers(scene: Scene) -> None:
    path = scene.create()
    enter(scene.mara, path, BOTH)
    enter(scene.admin, path, BOTH)
    for _ in range(2):
        gone = scene.mara.delete(f"{path}/user-headers")
        assert (gone.status_code, gone.content) == (204, b"")
    assert not is_connected(scene.mara, path)
    assert is_connected(scene.admin, path)
    scene.admin.patch(path, json={"enabled": False}).raise_for_status()
    for known in (path, f"{SERVERS}/{NOWHERE}"):
        assert scene.mara.delete(f"{known}/user-headers").status_code == 204
    refused = scene.mara.delete(f"{SERVERS}/garbage/user-headers")
    assert error_of(refused) == (400, "invalid_mcp_server_id")


@pytest.mark.parametrize(
    "change",
    [
        {"user_header_names": [TOKEN]},
        {"user_header_names": [TOKEN, TEAM, "X-Third"]},
        {"user_header_names": [TOKEN, "X-Other"]},
        {"url": "https://elsewhere.example/mcp"},
        {"auth_type": "none"},
    ],
)
def test_what_an_admin_changes_wipes_everybodys_values_even_after_a_way_back(
    scene: Scene, change: dict[str, Any]
) -> None:
    path = scene.create()
    enter(scene.mara, path, BOTH)
    scene.admin.patch(path, json=change).raise_for_status()
    if change.get("auth_type") != "none":
        assert not any(filled_by(scene.mara, path).values())
        assert not is_connected(scene.mara, path)
    way_back = {name: OWN[name] for name in ("auth_type", "url", "user_header_names")}
    scene.admin.patch(path, json=way_back).raise_for_status()
    assert filled_by(scene.mara, path) == {TOKEN: False, TEAM: False}
    assert not any("user_headers" in item for item in _connections()), "the rows are gone, too"


@pytest.mark.parametrize(
    "change",
    [
        {"description": "New"},
        {"custom_headers": {"X-Everybody": "shared"}},
        {"user_header_names": [TEAM, TOKEN]},
        {"user_header_names": [TOKEN.lower(), TEAM]},
    ],
)
def test_other_changes_leave_the_values(scene: Scene, change: dict[str, Any]) -> None:
    path = scene.create()
    enter(scene.mara, path, BOTH)
    scene.admin.patch(path, json=change).raise_for_status()
    assert all(filled_by(scene.mara, path).values())
    assert is_connected(scene.mara, path)
    assert scene.mara.get(f"{path}/tools").status_code == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"values": {"X-Other": "a"}}, ["values.X-Other"]),
        ({"values": {"Host": "a"}}, ["values.Host"]),
        ({"values": {TOKEN: "sentinel\r\nX-Admin: yes"}}, [f"values.{TOKEN}"]),
        ({"values": {TOKEN: "sentinel\nb"}}, [f"values.{TOKEN}"]),
        ({"values": {TOKEN: "sentinel\x00"}}, [f"values.{TOKEN}"]),
        ({"values": {TOKEN: "sentinel\u4e16"}}, [f"values.{TOKEN}"]),
        ({"values": {TOKEN: "x" * 8193}}, [f"values.{TOKEN}"]),
        ({"values": {TOKEN: 7}}, [f"values.{TOKEN}"]),
        ({"values": {TOKEN: "a", "x-token": "b"}}, ["values"]),
        ({"values": [TOKEN]}, ["values"]),
        ({}, ["values"]),
    ],
)
def test_a_bad_value_is_400_named_and_not_quoted(
    scene: Scene, body: dict[str, Any], fields: list[str]
) -> None:
    path = scene.create()
    refused = scene.mara.put(f"{path}/user-headers", json=body)
    assert refused.status_code == 400
    assert [each["field"] for each in refused.json()["validations"]] == fields
    assert "sentinel" not in refused.text
    assert filled_by(scene.mara, path) == {TOKEN: False, TEAM: False}


@pytest.mark.parametrize(
    "changes",
    [
        {"user_header_names": ["X-A", "x-a"]},
        {"user_header_names": ["X A"]},
        {"user_header_names": ["Host"]},
        {"user_header_names": ["Mcp-Session-Id"]},
        {"user_header_names": ["X-Ciborium-User-Id"]},
        {"user_header_names": [f"X-{number}" for number in range(33)]},
        {"user_header_names": ["X-A"], "custom_headers": {"x-a": "shared"}},
    ],
)
def test_an_admin_can_declare_only_names_that_users_may_fill_in(
    scene: Scene, changes: dict[str, Any]
) -> None:
    auth = {"auth_type": "custom_headers", **changes}
    refused = scene.admin.post(SERVERS, json=server_body(**auth))
    assert refused.status_code == 400
    assert {each["field"] for each in refused.json()["validations"]} == {"user_header_names"}
    path = scene.create()
    assert scene.admin.patch(path, json=auth).status_code == 400


def test_a_name_cannot_become_the_admins_as_well(scene: Scene) -> None:
    path = scene.create()
    refused = scene.admin.patch(path, json={"custom_headers": {TOKEN.lower(): "shared"}})
    assert error_of(refused) == (400, "invalid_mcp_server")
    taken_over = {"custom_headers": {TOKEN: "shared"}, "user_header_names": [TEAM]}
    assert scene.admin.patch(path, json=taken_over).status_code == 200


def test_names_belong_to_servers_with_custom_headers_alone(scene: Scene) -> None:
    path = scene.create()
    changed = scene.admin.patch(path, json={"auth_type": "none"}).json()
    assert (changed["user_header_names"], changed["auth_connected"]) == ([], True)
    refused = scene.mara.put(f"{path}/user-headers", json={"values": {TOKEN: "a"}})
    assert error_of(refused) == (400, "unknown_user_headers")
    assert filled_by(scene.mara, path) == {}
    emptied = scene.create(slug="other")
    refused = scene.admin.patch(emptied, json={"user_header_names": []})
    assert error_of(refused) == (400, "invalid_mcp_server")


def test_members_see_the_names_and_only_of_servers_that_they_see(scene: Scene) -> None:
    path = scene.create()
    assert scene.mara.get(path).json()["user_header_names"] == [TOKEN, TEAM]
    scene.admin.patch(path, json={"enabled": False}).raise_for_status()
    for answer in (
        scene.mara.get(f"{path}/user-headers"),
        scene.mara.put(f"{path}/user-headers", json={"values": BOTH}),
    ):
        assert error_of(answer) == (404, "mcp_server_not_found")
    assert enter(scene.admin, path, BOTH) == {TOKEN: True, TEAM: True}


def test_values_are_kept_sealed_for_their_user_and_shown_nowhere(scene: Scene) -> None:
    path = scene.create()
    enter(scene.mara, path, BOTH)
    enter(scene.admin, path, BOTH)
    answers = [
        scene.mara.get(path),
        scene.mara.get(SERVERS),
        scene.mara.get(f"{path}/user-headers"),
    ]
    assert "sentinel" not in "".join(answer.text for answer in answers)
    assert "sentinel" not in "\n".join(scene.deployment.log_lines)
    mine, theirs = _connections()
    assert b"sentinel" not in mine["user_headers"]["B"] + theirs["user_headers"]["B"]
    swapped = {**mine, "user_headers": theirs["user_headers"]}
    aws.client("dynamodb").put_item(TableName=_table(), Item=swapped)
    owner = scene.mara if mine["user_id"]["S"] == _id_of(scene.mara) else scene.admin
    assert error_of(owner.get(f"{path}/tools")) == (500, "sealed_value_unreadable")


def test_disconnecting_a_server_that_never_was_oauth2_leaves_the_values(scene: Scene) -> None:
    path = scene.create()
    enter(scene.mara, path, BOTH)
    answer = scene.mara.delete(f"{path}/oauth2/disconnect")
    assert answer.json() == {"token_revoked": False}
    assert all(filled_by(scene.mara, path).values())


def test_deleting_the_server_deletes_the_values(scene: Scene) -> None:
    path = scene.create()
    enter(scene.mara, path, BOTH)
    assert scene.admin.delete(path).status_code == 204
    assert _connections() == []


def test_values_that_come_while_an_admin_changes_the_server_are_not_kept(scene: Scene) -> None:
    """The same write checks that the server still is what the values were meant for."""
    path = scene.create()
    moved: list[bool] = []

    def move_meanwhile(request: Any, **_: Any) -> None:
        if "-organizations" in str(request.body) and not moved:
            moved.append(True)
            scene.admin.patch(path, json={"url": "https://elsewhere.example/mcp"})

    events = scene.deployment.database.connection.client.meta.events
    events.register("before-send.dynamodb.Query", move_meanwhile)
    refused = scene.mara.put(f"{path}/user-headers", json={"values": BOTH})
    assert moved
    assert error_of(refused) == (409, "mcp_server_changed")
    assert filled_by(scene.mara, path) == {TOKEN: False, TEAM: False}


def _id_of(client: httpx.Client) -> str:
    return str(client.get("/api/v2/users/me").json()["id"])


def _connections() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = aws.client("dynamodb").scan(TableName=_table())["Items"]
    return items


def _table() -> str:
    return f"ciborium-{aws.STAGE}-connections"

"""Who may do what with which server: everybody, with every kind of server, in every way."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from chalicelib.api import ROUTES
from tests.support.chats import offer_model
from tests.support.journey import World
from tests.support.people import ORGANIZATIONS, Person, join, new_person
from tests.support.servers import SERVERS

CHATS = "/api/experimental/chats"
KINDS = ("open", "ours", "listed", "theirs", "disabled")
# `open` is for every organisation; `ours` and `listed` are for one, `listed` only for who is on its
# list, as themselves or in the group `writers`; `theirs` is for another organisation. What each is
# to whom:
#   A an admin's   D an admin's, and disabled   U to be used   - not there   x no entry at all
LEVELS = {
    "owner": "A A A A D",
    "organization admin": "U U - - -",
    "member": "U U - - -",
    "listed member": "U U U - -",
    "member of a listed group": "U U U - -",
    "once listed, has left": "U - - - -",
    "member of another organization": "U - - U -",
    "in no organization": "U - - - -",
    "suspended": "x x x x x",
}
ACTIONS = {
    #                     A    D    U    -    x
    "list": "             full full part none 401",
    "get": "              full full part 404  401",
    "show access list": " 200  200  403  404  401",
    "list candidates": "  200  200  403  404  401",
    "change access list": "204 204  403  404  401",
    "connect": "          307  400  307  404  401",
    "callback": "         200  400  200  404  401",
    "list tools": "       200  409  200  404  401",
    "diagnose": "         200  200  403  404  401",
    "show approvals": "   200  409  403  404  401",
    "approve tools": "    200  409  403  404  401",
    "call tool": "        200  400  200  404  401",
    "list tools of many": "200 404  200  404  401",
    "disconnect": "       200  200  200  200  401",
    "discover again": "   200  200  403  404  401",
    "show icon": "        200  200  200  404  401",
    "upload icon": "      204  204  403  404  401",
    "remove icon": "      204  204  403  404  401",
    "show own headers": " 200  200  200  404  401",
    "enter own headers": "200  200  200  404  401",
    "forget own headers": "204 204  204  204  401",
    "change": "           200  200  403  404  401",
    "delete": "           204  204  403  404  401",
}
# A chat in "our" organisation with the server: what the server is to its owner *there*.
CHATS_WITH = {
    "owner": "201 201 201 400 400",
    "organization admin": "201 201 400 400 400",
    "member": "201 201 400 400 400",
    "listed member": "201 201 201 400 400",
    "member of a listed group": "201 201 201 400 400",
    "once listed, has left": "403 403 403 403 403",
    "member of another organization": "403 403 403 403 403",
    "in no organization": "403 403 403 403 403",
    "suspended": "401 401 401 401 401",
}
CASES = len(LEVELS) * len(KINDS) * (len(ACTIONS) + 1)
GIF = b"GIF89a" + bytes(20)
# What is sent to a server's own paths, in an order in which each can succeed.
SENT: dict[str, tuple[str, str, object]] = {
    "show access list": ("GET", "/acl", None),
    "list candidates": ("GET", "/acl/available", None),
    "change access list": ("PATCH", "/acl", {}),
    "list tools": ("GET", "/tools", None),
    "diagnose": ("GET", "/tools?diagnose=true", None),
    "show approvals": ("GET", "/tools/approvals", None),
    "approve tools": ("POST", "/tools/approvals", {"all": True}),
    "call tool": ("POST", "/tools/call", {"name": "search"}),
    "disconnect": ("DELETE", "/oauth2/disconnect", None),
    "discover again": ("POST", "/rediscover", None),
    "show icon": ("GET", "/icon", None),
    "upload icon": ("PUT", "/icon", GIF),
    "remove icon": ("DELETE", "/icon", None),
    "show own headers": ("GET", "/user-headers", None),
    "enter own headers": ("PUT", "/user-headers", {"values": {}}),
    "forget own headers": ("DELETE", "/user-headers", None),
    "change": ("PATCH", "", {"description": "Changed"}),
    "delete": ("DELETE", "", None),
}
ONE = f"{SERVERS}/{{server_id}}"
OTHERS = {f"GET {ONE}", f"GET {ONE}/oauth2/connect", f"GET {ONE}/oauth2/callback"}
ANYBODYS = {f"GET {ONE}/oauth2/client-metadata.json"}


@dataclass(frozen=True)
class Scene:
    """The servers of every kind, and the people."""

    world: World
    ours: str
    people: dict[str, Person]
    server_ids: dict[str, str]


@pytest.fixture
def scene(world: World) -> Scene:
    deployment = world.deployment
    offer_model(deployment)
    with deployment.admin as admin:
        ours, theirs = (
            admin.post(ORGANIZATIONS, json={"name": name}).json()["id"]
            for name in ("ours", "theirs")
        )
    people = {
        role: new_person(deployment, role.replace(",", "").replace(" ", "-"), roles=roles)
        for role, roles in ((role, ["owner"] if role == "owner" else []) for role in LEVELS)
    }
    for role, person in people.items():
        if role == "organization admin":
            join(deployment, ours, person, "organization-admin")
        elif role == "member of another organization":
            join(deployment, theirs, person)
        elif role != "in no organization":
            join(deployment, ours, person)
    fields: dict[str, dict[str, Any]] = {
        "open": {},
        "ours": {"organization_ids": [ours]},
        "listed": {"organization_ids": [ours]},
        "theirs": {"organization_ids": [theirs]},
        "disabled": {"enabled": False},
    }
    server_ids = {
        kind: world.register(slug=kind, display_name=kind, **fields[kind])["id"] for kind in KINDS
    }
    group, left = f"{ORGANIZATIONS}/{ours}/groups", people["once listed, has left"].id
    with deployment.admin as admin:
        writers = admin.post(group, json={"name": "writers"}).json()["id"]
        for writer in (people["member of a listed group"].id, left):
            admin.put(f"{group}/{writers}/members/{writer}").raise_for_status()
        only = {
            "user_roles": {people["listed member"].id: "read", left: "read"},
            "group_roles": {ours: "", writers: "read"},
        }
        changed = admin.patch(f"{SERVERS}/{server_ids['listed']}/acl", json=only)
        assert changed.status_code == 204, changed.text
        admin.delete(f"{ORGANIZATIONS}/{ours}/members/{left}").raise_for_status()
        for server_id in server_ids.values():
            send(admin, "PUT", f"{SERVERS}/{server_id}/icon", GIF).raise_for_status()
        admin.put(f"/api/v2/users/{people['suspended'].id}/status/suspend").raise_for_status()
    return Scene(world, ours, people, server_ids)


def seen(server: dict[str, object]) -> str:
    return "full" if server["url"] else "part"


def listed(client: httpx.Client, server_id: str) -> str:
    response = client.get(SERVERS)
    if response.status_code != 200:
        return str(response.status_code)
    found = [each for each in response.json() if each["id"] == server_id]
    return seen(found[0]) if found else "none"


def got(client: httpx.Client, server_id: str) -> str:
    response = client.get(f"{SERVERS}/{server_id}")
    return seen(response.json()) if response.status_code == 200 else str(response.status_code)


def used_with_others(client: httpx.Client, server_id: str) -> str:
    response = client.get("/api/experimental/mcp/tools", params={"server_ids": server_id})
    return str(response.status_code)


def perform(scene: Scene, role: str, server_id: str) -> Iterator[tuple[str, str]]:
    """Every action, in an order in which each can succeed."""
    path = f"{SERVERS}/{server_id}"
    with scene.people[role].client as client:
        yield "list", listed(client, server_id)
        yield "get", got(client, server_id)
        connect = client.get(f"{path}/oauth2/connect")
        yield "connect", str(connect.status_code)
        back = f"{path}/oauth2/callback?code=made-up&state=made-up"
        if connect.status_code == 307:
            back = scene.world.authorization_server.authorize(connect.headers["location"])
        yield "callback", str(client.get(back).status_code)
        yield "list tools of many", used_with_others(client, server_id)
        yield "chat", start_chat(scene.ours, client, server_id)
        for action, (method, below, body) in SENT.items():
            yield action, str(send(client, method, path + below, body).status_code)


def send(client: httpx.Client, method: str, path: str, body: object) -> httpx.Response:
    if isinstance(body, bytes):
        as_image = {"Content-Type": "image/gif"}
        return client.request(method, path, content=body, headers=as_image)
    return client.request(method, path, json=body)


def start_chat(organization_id: str, client: httpx.Client, server_id: str) -> str:
    body = {
        "organization_id": organization_id,
        "content": [{"type": "text", "text": "Hello"}],
        "mcp_server_ids": [server_id],
    }
    response = client.post(CHATS, json=body)
    if response.status_code == 400:
        assert server_id in response.json()["validations"][0]["detail"]
    return str(response.status_code)


@pytest.mark.parametrize("role", LEVELS)
def test_everybody_may_do_what_the_table_says_and_nothing_else(scene: Scene, role: str) -> None:
    expected: dict[tuple[str, str], str] = {}
    actual: dict[tuple[str, str], str] = {}
    for kind, level, chat in zip(
        KINDS, LEVELS[role].split(), CHATS_WITH[role].split(), strict=True
    ):
        column = "ADU-x".index(level)
        wanted = {action: row.split()[column] for action, row in ACTIONS.items()}
        expected |= {(kind, action): each for action, each in {**wanted, "chat": chat}.items()}
        done = dict(perform(scene, role, scene.server_ids[kind]))
        actual |= {(kind, action): each for action, each in done.items()}
    assert actual == expected
    assert len(actual) == CASES // len(LEVELS)


def test_the_matrix_is_complete() -> None:
    assert LEVELS.keys() == CHATS_WITH.keys()
    assert all(len(row.split()) == len(KINDS) for row in LEVELS.values())
    assert CASES == 1080


def test_no_way_to_a_server_is_left_out() -> None:
    tried = {f"{method} {ONE}{below.partition('?')[0]}" for method, below, _ in SENT.values()}
    ways = {f"{each.method} {each.path}" for each in ROUTES if each.path.startswith(ONE)}
    assert tried | OTHERS == ways - ANYBODYS

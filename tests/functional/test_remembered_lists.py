"""Lists of tools are reused for as long as their server says, never across users if private."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest

from chalicelib.mcp_client.catalog import CatalogKey, ToolCatalog
from chalicelib.mcp_client.models import ToolListing
from tests.support.clock import FakeClock
from tests.support.deployment import error_of
from tests.support.journey import World
from tests.support.servers import SERVERS

FRESH = {"ttlMs": 60_000, "cacheScope": "private"}


@dataclass
class Users:
    """A server, and two users who are connected to it."""

    world: World
    server_id: str
    admin: httpx.Client
    mara: httpx.Client

    def listings(self, *clients: httpx.Client, query: str = "") -> list[int]:
        """For each client's listing, how many requests it took."""
        counts = []
        for client in clients:
            self.world.internet.requests.clear()
            found = client.get(f"{SERVERS}/{self.server_id}/tools{query}").raise_for_status()
            assert len(found.json()["tools"]) == 3
            counts.append(len(self.world.internet.requests))
        return counts


@pytest.fixture
def users(world: World) -> Iterator[Users]:
    server_id = world.register()["id"]
    mara = world.deployment.new_member("mara")
    token = mara.headers["Authorization"].removeprefix("Bearer ")
    with world.browser() as admin, world.browser(token) as browser:
        world.connect(admin, server_id)
        world.connect(browser, server_id)
        yield Users(world, server_id, admin, mara)


def test_a_list_is_not_fetched_again_while_it_is_fresh(users: Users, world: World) -> None:
    world.resource_server.list_fields = FRESH
    assert users.listings(users.admin, users.admin) == [1, 0]
    world.deployment.clock.advance(seconds=61)
    assert users.listings(users.admin, users.admin) == [1, 0]


def test_an_admin_may_insist_on_asking(users: Users, world: World) -> None:
    world.resource_server.list_fields = FRESH
    assert users.listings(users.admin, users.admin, query="?refresh=true") == [1, 1]


@pytest.mark.rule(57)
def test_a_private_list_is_its_users_alone(users: Users, world: World) -> None:
    world.resource_server.list_fields = FRESH
    assert users.listings(users.admin, users.mara, users.mara) == [1, 1, 0]


@pytest.mark.rule(57)
def test_a_public_list_serves_everybody_who_is_connected(users: Users, world: World) -> None:
    world.resource_server.list_fields = {"ttlMs": 60_000, "cacheScope": "public"}
    assert users.listings(users.admin, users.mara) == [1, 0]
    eve = world.deployment.new_member("eve")
    refused = eve.get(f"{SERVERS}/{users.server_id}/tools")
    assert error_of(refused) == (409, "connect_required")


@pytest.mark.parametrize(
    "fields", [{}, {"ttlMs": 0}, {"ttlMs": -1}, {"ttlMs": "60000"}, {"ttlMs": True}], ids=str
)
def test_a_list_without_a_lifetime_is_always_fetched(
    users: Users, world: World, fields: dict[str, object]
) -> None:
    world.resource_server.list_fields = {"cacheScope": "public", **fields}
    assert users.listings(users.admin, users.admin) == [1, 1]


def test_a_change_of_the_server_makes_its_lists_stale(users: Users, world: World) -> None:
    world.resource_server.list_fields = FRESH
    users.listings(users.admin)
    with world.deployment.admin as admin:
        changed = admin.patch(f"{SERVERS}/{users.server_id}", json={"description": "New"})
    assert changed.status_code == 200
    assert users.listings(users.admin) == [1]


@pytest.mark.rule(57)
def test_a_new_connection_makes_its_users_lists_stale(users: Users, world: World) -> None:
    world.resource_server.list_fields = FRESH
    users.listings(users.admin)
    world.deployment.clock.advance(seconds=1)
    world.connect(users.admin, users.server_id)
    assert users.listings(users.admin) == [1]


def test_a_call_uses_a_fresh_list_and_remembers_the_one_that_it_needed(
    users: Users, world: World
) -> None:
    world.resource_server.list_fields = FRESH
    world.internet.requests.clear()
    for _ in range(2):
        call = {"name": "search", "arguments": {}}
        users.mara.post(f"{SERVERS}/{users.server_id}/tools/call", json=call).raise_for_status()
    methods = [json.loads(each.content)["method"] for each in world.internet.requests]
    assert methods == ["tools/list", "tools/call", "tools/call"]


def test_the_memory_of_lists_is_bounded_in_bytes() -> None:
    clock = FakeClock()
    catalog = ToolCatalog(clock)
    keys = [CatalogKey("server", 1, f"user-{number}", "") for number in range(9)]
    for key in keys:
        catalog.put(key, ToolListing(tools=(), lifetime=timedelta(hours=1), size=4 * 1024 * 1024))
    assert [catalog.find(key) is not None for key in keys] == [False, *[True] * 8]
    clock.advance(hours=1)
    assert not any(catalog.find(key) for key in keys)

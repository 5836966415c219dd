"""Listing the tools of many servers at once."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx

from tests.support.deployment import error_of, start_deployment
from tests.support.journey import World
from tests.support.servers import NOWHERE, SERVERS, create_server

TOOLS = "/api/experimental/mcp/tools"
Answer = Callable[[httpx.Request], httpx.Response]


def listing(request: httpx.Request) -> httpx.Response:
    """One tool, named after the server's host."""
    message = json.loads(request.content)
    tool = {"name": f"tool_of_{request.url.host.partition('.')[0]}", "inputSchema": {}}
    result = {"tools": [tool], "resultType": "complete"}
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": message["id"], "result": result})


def add_server(world: World, name: str, answer: Answer = listing, **changes: Any) -> str:
    """A server of that name."""
    url = f"https://{name}.example/mcp"
    world.internet.add_page(url, answer)
    with world.deployment.admin as admin:
        body = {"slug": name, "url": url, "enabled": True, **changes}
        created: str = create_server(admin, **body)["id"]
    return created


def shown(response: httpx.Response) -> dict[str, Any]:
    """Each server's tools, or the code of its error."""
    entries = response.raise_for_status().json()["servers"]
    return {
        each["slug"]: each["error"]["code"]
        if "error" in each
        else {tool["name"]: tool["allowed"] for tool in each["tools"]}
        for each in entries
    }


def test_all_servers_are_asked_at_the_same_time(world: World) -> None:
    """Each answers only once all have been asked; one after the other would never end."""
    everybody = threading.Barrier(5, timeout=20)

    def answer(request: httpx.Request) -> httpx.Response:
        everybody.wait()
        return listing(request)

    for number in range(5):
        add_server(world, f"s{number}", answer)
    with world.deployment.new_member() as mara:
        found = shown(mara.get(TOOLS))
    assert found == {f"s{n}": {f"tool_of_s{n}": True} for n in range(5)}


def test_a_server_that_fails_costs_only_its_own_tools(world: World) -> None:
    def hang(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    add_server(world, "good")
    add_server(world, "bad", lambda _: httpx.Response(500, text="upstream-text"))
    add_server(world, "hanging", hang)
    add_server(world, "unconnected", auth_type="oauth2", **MANUAL)
    with world.deployment.admin as admin, world.deployment.new_member() as mara:
        to_admin, to_member = admin.get(TOOLS), mara.get(TOOLS)
    assert shown(to_admin) == {
        "bad": "mcp_server_error",
        "good": {"tool_of_good": True},
        "hanging": "upstream_timeout",
        "unconnected": "connect_required",
    }
    assert shown(to_member) == {
        "bad": "mcp_tools_unavailable",
        "good": {"tool_of_good": True},
        "hanging": "mcp_tools_unavailable",
        "unconnected": "connect_required",
    }
    assert "upstream-text" not in to_admin.text
    assert "bad.example" not in to_member.text
    (entry,) = [each for each in to_member.json()["servers"] if each["slug"] == "unconnected"]
    assert entry["tools"] == []
    assert entry["error"]["connect_url"].endswith("/oauth2/connect")


def test_operators_find_in_the_log_why_a_server_failed(world: World) -> None:
    bad = add_server(world, "bad", lambda _: httpx.Response(500, text="upstream-text"))
    with world.deployment.new_member() as mara:
        assert shown(mara.get(TOOLS)) == {"bad": "mcp_tools_unavailable"}
    lines = [json.loads(line) for line in world.deployment.log_lines]
    (line,) = [each for each in lines if each.get("server_id") == bad]
    assert (line["level"], line["code"]) == ("WARNING", "mcp_server_error")
    assert "upstream-text" not in "".join(world.deployment.log_lines)


def test_a_fault_of_our_own_with_one_server_costs_only_its_tools(world: World) -> None:
    def baffle(request: httpx.Request) -> httpx.Response:
        raise RuntimeError("sentinel-text")

    add_server(world, "good")
    add_server(world, "baffling", baffle)
    with world.deployment.admin as admin:
        found = admin.get(TOOLS)
    assert shown(found) == {"baffling": "mcp_listing_failed", "good": {"tool_of_good": True}}
    assert "sentinel-text" not in found.text
    assert "RuntimeError" in "".join(world.deployment.log_lines)


def test_the_others_are_shown_without_a_server_that_takes_too_long(world: World) -> None:
    """Each of its requests is in time, but there may be several: renewing a token, asking again."""
    shown_already = threading.Event()

    def hesitate(request: httpx.Request) -> httpx.Response:
        shown_already.wait(20)
        return listing(request)

    hasty = replace(world, deployment=start_deployment(world.internet, listing_patience=0.5))
    add_server(hasty, "good")
    add_server(hasty, "late", hesitate)
    with hasty.deployment.new_member() as mara:
        found = shown(mara.get(TOOLS))
    assert found == {"good": {"tool_of_good": True}, "late": "mcp_listing_timeout"}
    shown_already.set()


def test_only_enabled_servers_are_asked_and_only_the_named_ones(world: World) -> None:
    first, _ = add_server(world, "first", tool_deny_list=["tool_of_first"]), add_server(world, "b")
    disabled = add_server(world, "off", enabled=False)
    with world.deployment.new_member() as mara, world.deployment.admin as admin:
        assert shown(mara.get(TOOLS)).keys() == {"first", "b"}
        assert shown(admin.get(TOOLS)).keys() == {"first", "b"}
        query = {"server_ids": f"{first.upper()}, {first}"}
        assert shown(mara.get(TOOLS, params=query)) == {"first": {"tool_of_first": False}}
        assert shown(mara.get(TOOLS, params={"server_ids": ""})) == {}
        for id_ in (disabled, NOWHERE):
            refused = mara.get(TOOLS, params={"server_ids": f"{first},{id_}"})
            assert error_of(refused) == (404, "mcp_server_not_found")
        refused = mara.get(TOOLS, params={"server_ids": "x"})
        assert error_of(refused) == (400, "invalid_mcp_server_id")


def test_more_servers_than_one_request_can_wait_for_must_be_named(world: World) -> None:
    ids = [add_server(world, f"s{number}") for number in range(65)]
    with world.deployment.admin as admin:
        refused = admin.get(TOOLS)
        assert error_of(refused) == (400, "too_many_mcp_servers")
        assert refused.json()["validations"][0]["field"] == "server_ids"
        found = shown(admin.get(TOOLS, params={"server_ids": ",".join(ids[:64])}))
    assert len(found) == 64


def test_tools_for_which_there_is_no_room_are_to_be_listed_by_themselves(world: World) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        message = json.loads(request.content)
        tool = {"name": "big", "description": "x" * 2_000_000, "inputSchema": {}}
        result = {"tools": [tool], "resultType": "complete"}
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": message["id"], "result": result})

    ids = [add_server(world, f"s{number}", answer) for number in range(3)]
    with world.deployment.admin as admin:
        response = admin.get(TOOLS)
        assert len(response.content) < 6_000_000
        assert shown(response) == {
            "s0": {"big": True},
            "s1": {"big": True},
            "s2": "mcp_tools_too_large",
        }
        assert len(admin.get(f"{SERVERS}/{ids[2]}/tools").json()["tools"]) == 1


def test_it_costs_three_reads_and_one_request_for_each_server(world: World) -> None:
    for number in range(5):
        add_server(world, f"s{number}")
    with world.deployment.admin as admin:
        admin.get(TOOLS)
        world.deployment.aws_calls.reset()
        world.internet.requests.clear()
        admin.get(TOOLS).raise_for_status()
    assert sum(world.deployment.aws_calls.calls.values()) == 3
    assert len(world.internet.requests) == 5


MANUAL: dict[str, Any] = {
    "oauth2_client_id": "client-1",
    "oauth2_auth_url": "https://login.example/authorize",
    "oauth2_token_url": "https://login.example/token",
}

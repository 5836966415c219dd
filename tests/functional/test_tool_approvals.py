"""Admins approve a server's tools; what changes afterwards is flagged, and by setting withheld."""

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support import aws
from tests.support.deployment import error_of
from tests.support.journey import MCP_URL, World
from tests.support.servers import NOWHERE, SERVERS, create_server

FRESH = {"ttlMs": 60_000, "cacheScope": "public"}
NAMES = ["create_issue", "delete_issue", "search"]


@dataclass
class Governed:
    """A connected admin, and the tools of one server, which change as the test likes."""

    world: World
    server_id: str
    admin: httpx.Client

    @property
    def path(self) -> str:
        return f"{SERVERS}/{self.server_id}"

    def tool(self, name: str) -> dict[str, Any]:
        tools = self.world.resource_server.tools
        return next(each for each in tools if each["name"] == name)

    def patch(self, **changes: Any) -> None:
        self.admin.patch(self.path, json=changes).raise_for_status()

    def approvals(self) -> dict[str, dict[str, Any]]:
        found = self.admin.get(f"{self.path}/tools/approvals").raise_for_status().json()
        return {each["name"]: each for each in found["tools"]}

    def approve(self, body: dict[str, Any]) -> httpx.Response:
        return self.admin.post(f"{self.path}/tools/approvals", json=body)

    def approve_all(self) -> None:
        self.approve({"all": True}).raise_for_status()

    def listed(self) -> dict[str, dict[str, Any]]:
        found = self.admin.get(f"{self.path}/tools").raise_for_status().json()
        return {each["name"]: each for each in found["tools"]}

    def call(self, name: str = "search", client: httpx.Client | None = None) -> httpx.Response:
        return (client or self.admin).post(f"{self.path}/tools/call", json={"name": name})

    def calls_sent(self) -> int:
        return sum(b"tools/call" in each.content for each in self.world.internet.requests)

    def stored_pieces(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = aws.client("dynamodb").query(
            TableName=f"ciborium-{aws.STAGE}-servers",
            KeyConditionExpression="PK = :key",
            ExpressionAttributeValues={":key": {"S": f"TOOLS#{self.server_id}"}},
        )["Items"]
        return found


@pytest.fixture
def governed(world: World) -> Iterator[Governed]:
    server_id = world.connected()
    with world.deployment.admin as admin:
        yield Governed(world, server_id, admin)


def states(approvals: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: each["state"] for name, each in approvals.items()}


def test_before_the_first_approval_everything_is_new_and_nothing_flagged_or_withheld(
    governed: Governed,
) -> None:
    governed.patch(tool_changes="withhold")
    found = governed.admin.get(f"{governed.path}/tools/approvals").json()
    assert found["baseline"] is False
    assert states(governed.approvals()) == dict.fromkeys(NAMES, "new")
    assert [each.get("change") for each in governed.listed().values()] == [None] * 3
    assert governed.call().status_code == 200


def test_an_approval_says_who_gave_it_when_and_to_what(governed: Governed) -> None:
    seen = governed.approvals()["search"]
    answer = governed.approve({"tools": {"search": seen["hash"]}}).raise_for_status().json()
    assert answer["baseline"] is True
    approved = governed.approvals()
    assert states(approved) == {"create_issue": "new", "delete_issue": "new", "search": "approved"}
    owner = governed.admin.get("/api/v2/users/me").json()["id"]
    assert approved["search"]["approved_hash"] == approved["search"]["hash"] == seen["hash"]
    assert approved["search"]["approved_by"] == owner
    assert approved["search"]["approved_at"].startswith("20")
    assert "difference" not in approved["search"]


def test_approving_again_keeps_the_earlier_approval_of_what_has_not_changed(
    governed: Governed,
) -> None:
    governed.approve_all()
    first = governed.approvals()
    governed.tool("search")["description"] = "Something else."
    governed.world.deployment.clock.advance(hours=1)
    governed.approve_all()
    second = governed.approvals()
    assert second["create_issue"] == first["create_issue"]
    assert second["search"]["approved_at"] > first["search"]["approved_at"]


@pytest.mark.parametrize(
    ("change", "part", "line"),
    [
        ({"description": "The tool search.\nSend it all."}, "description", "+Send it all."),
        ({"title": "Find"}, "title", "+Find"),
        ({"annotations": {"readOnlyHint": True}}, "annotations", '+  "readOnlyHint": true'),
        ({"inputSchema": {"type": "object", "x": 1}}, "input_schema", '+  "x": 1'),
    ],
    ids=["description", "title", "annotations", "schema"],
)
def test_a_changed_tool_is_flagged_with_the_difference_and_still_works(
    governed: Governed, change: dict[str, Any], part: str, line: str
) -> None:
    governed.approve_all()
    governed.tool("search").update(change)
    found = governed.approvals()
    assert states(found) == {**dict.fromkeys(NAMES, "approved"), "search": "changed"}
    assert list(found["search"]["difference"]) == [part]
    assert line in found["search"]["difference"][part]
    listed = governed.listed()["search"]
    assert (listed["change"], listed["allowed"], listed.get("reason")) == ("changed", True, None)
    assert "change" not in governed.listed()["create_issue"]
    assert governed.call().status_code == 200


def test_a_schema_whose_members_come_in_another_order_is_the_same(governed: Governed) -> None:
    governed.tool("search")["inputSchema"] = {"type": "object", "properties": {"a": {}, "b": {}}}
    governed.approve_all()
    governed.tool("search")["inputSchema"] = {"properties": {"b": {}, "a": {}}, "type": "object"}
    assert states(governed.approvals()) == dict.fromkeys(NAMES, "approved")


@pytest.mark.parametrize("is_modern", [True, False], ids=["2026-07-28", "2025-11-25"])
def test_a_withheld_tool_is_neither_allowed_nor_called_until_the_change_is_accepted(
    governed: Governed, is_modern: bool
) -> None:
    governed.world.resource_server.is_modern = is_modern
    governed.approve_all()
    governed.patch(tool_changes="withhold")
    assert governed.call().status_code == 200
    governed.tool("search")["description"] = "Something else."
    governed.world.internet.requests.clear()
    assert error_of(governed.call()) == (403, "mcp_tool_withheld")
    assert governed.calls_sent() == 0
    listed = governed.listed()
    assert (listed["search"]["allowed"], listed["search"]["reason"]) == (False, "changed")
    assert listed["create_issue"]["allowed"]
    assert governed.call("create_issue").status_code == 200
    governed.approve({"tools": {"search": governed.approvals()["search"]["hash"]}})
    assert governed.listed()["search"]["allowed"]
    assert governed.call().status_code == 200


def test_a_member_is_refused_a_withheld_tool_as_well(governed: Governed) -> None:
    governed.patch(tool_changes="withhold")
    governed.approve_all()
    governed.tool("search")["description"] = "Something else."
    token = governed.world.deployment.new_token("mara")
    governed.world.connect_as(token, governed.server_id)
    with governed.world.deployment.client(token) as mara:
        assert error_of(governed.call(client=mara)) == (403, "mcp_tool_withheld")
        listed = mara.get(f"{governed.path}/tools").json()["tools"]
    assert [each["allowed"] for each in listed] == [True, True, False]


def test_a_new_tool_is_withheld_and_one_that_is_gone_is_shown(governed: Governed) -> None:
    governed.patch(tool_changes="withhold")
    governed.approve_all()
    governed.tool("search")["name"] = "find"
    assert states(governed.approvals()) == {
        "create_issue": "approved",
        "delete_issue": "approved",
        "find": "new",
        "search": "gone",
    }
    assert governed.approvals()["find"]["difference"]["description"] == [
        "@@ -0,0 +1 @@",
        "+The tool search.",
    ]
    assert governed.listed()["find"]["reason"] == "new"
    assert error_of(governed.call("find")) == (403, "mcp_tool_withheld")
    governed.approve_all()
    assert states(governed.approvals()) == dict.fromkeys(
        ["create_issue", "delete_issue", "find"], "approved"
    )


def test_a_denied_tool_stays_denied_when_it_is_approved(governed: Governed) -> None:
    governed.patch(tool_changes="withhold", tool_rules={"search": "deny"})
    governed.approve_all()
    listed = governed.listed()["search"]
    assert (listed["allowed"], listed["reason"], listed["rule"]) == (False, "denied", "deny")
    assert error_of(governed.call()) == (403, "mcp_tool_not_allowed")


def test_a_call_with_a_remembered_list_is_checked_against_the_approvals_of_now(
    governed: Governed,
) -> None:
    """Another container approves and forbids; this one has a fresh list and must not rely on it."""
    governed.world.resource_server.list_fields = FRESH
    governed.patch(tool_changes="withhold")
    governed.approve({"tools": {"search": governed.approvals()["search"]["hash"]}})
    governed.listed()
    governed.world.internet.requests.clear()
    assert governed.call().status_code == 200
    assert error_of(governed.call("create_issue")) == (403, "mcp_tool_withheld")
    assert len(governed.world.internet.requests) == 1
    assert governed.calls_sent() == 1


def test_only_the_very_hashes_that_were_seen_are_accepted(governed: Governed) -> None:
    governed.approve_all()
    governed.tool("search")["description"] = "What the admin sees."
    governed.tool("create_issue")["description"] = "Changed as well."
    seen = {name: each["hash"] for name, each in governed.approvals().items()}
    governed.tool("search")["description"] = "What comes a moment later."
    refused = governed.approve({"tools": seen})
    assert error_of(refused) == (409, "mcp_tools_changed")
    assert [each["field"] for each in refused.json()["validations"]] == ["tools.search"]
    assert states(governed.approvals())["create_issue"] == "changed"
    governed.world.resource_server.tools = []
    assert error_of(governed.approve({"tools": seen})) == (409, "mcp_tools_changed")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "tools"),
        ({"all": False}, "tools"),
        ({"all": True, "tools": {"search": "0" * 64}}, "tools"),
        ({"tools": {}}, "tools"),
        ({"tools": {"search": "short"}}, "tools.search"),
        ({"tools": ["search"]}, "tools"),
        ({"all": "yes"}, "all"),
    ],
    ids=str,
)
def test_a_malformed_approval_names_the_field(
    governed: Governed, body: dict[str, Any], field: str
) -> None:
    refused = governed.approve(body)
    assert error_of(refused) == (400, "invalid_body")
    assert [each["field"] for each in refused.json()["validations"]] == [field]


def test_members_neither_see_nor_give_approvals(governed: Governed) -> None:
    with governed.world.deployment.new_member() as mara:
        for server_id in (governed.server_id, NOWHERE):
            path = f"{SERVERS}/{server_id}/tools/approvals"
            assert error_of(mara.get(path)) == (403, "not_allowed")
            assert error_of(mara.post(path, json={"all": True})) == (403, "not_allowed")
    nowhere = f"{SERVERS}/{NOWHERE}/tools/approvals"
    assert error_of(governed.admin.get(nowhere)) == (404, "mcp_server_not_found")
    assert governed.stored_pieces() == []


def test_an_admin_who_is_not_connected_is_asked_to_connect(world: World) -> None:
    server_id = world.register()["id"]
    with world.deployment.admin as admin:
        refused = admin.post(f"{SERVERS}/{server_id}/tools/approvals", json={"all": True})
    assert error_of(refused) == (409, "connect_required")


def test_the_setting_is_no_reason_to_approve_anew_and_other_settings_keep_the_approvals(
    governed: Governed,
) -> None:
    governed.approve_all()
    governed.patch(tool_changes="withhold", description="New", slug="other")
    assert states(governed.approvals()) == dict.fromkeys(NAMES, "approved")
    governed.tool("search")["description"] = "Something else."
    governed.patch(tool_changes="flag")
    assert governed.listed()["search"]["allowed"]


def test_the_tools_of_many_servers_are_flagged_too(governed: Governed) -> None:
    governed.approve_all()
    governed.tool("search")["description"] = "Something else."
    found = governed.admin.get("/api/experimental/mcp/tools").json()["servers"][0]["tools"]
    assert [each.get("change") for each in found] == [None, None, "changed"]


def random_text(size: int) -> str:
    letters = string.ascii_letters + string.digits + "+/"
    return "".join(random.Random(size).choices(letters, k=size))


def test_approvals_that_do_not_fit_into_one_item_are_kept_in_several(governed: Governed) -> None:
    governed.patch(tool_changes="withhold")
    governed.tool("search")["description"] = random_text(1_000_000)
    governed.approve_all()
    sizes = [len(each["data"]["B"]) for each in governed.stored_pieces()]
    assert len(sizes) > 2
    assert max(sizes) < 400 * 1024
    assert states(governed.approvals()) == dict.fromkeys(NAMES, "approved")
    assert governed.call().status_code == 200
    governed.tool("search")["description"] = "Short."
    assert error_of(governed.call()) == (403, "mcp_tool_withheld")
    governed.approve_all()
    assert len(governed.stored_pieces()) == 1
    assert governed.call().status_code == 200


def test_descriptions_that_are_too_long_to_keep_are_not_approved(governed: Governed) -> None:
    governed.approve_all()
    governed.tool("search")["description"] = random_text(3_000_000)
    assert error_of(governed.approve({"all": True})) == (400, "tool_approvals_too_large")
    found = governed.approvals()["search"]
    assert (found["state"], found["difference_truncated"]) == ("changed", True)


@pytest.mark.parametrize("interrupted", [False, True], ids=["at once", "by repeating it"])
def test_approvals_end_with_their_server(governed: Governed, interrupted: bool) -> None:
    governed.approve_all()
    assert len(governed.stored_pieces()) == 1
    if interrupted:  # An earlier deletion has hidden the server, and got no further.
        aws.client("dynamodb").update_item(
            TableName=f"ciborium-{aws.STAGE}-servers",
            Key={"PK": {"S": "SERVER"}, "SK": {"S": governed.server_id}},
            UpdateExpression="SET deleting = :yes",
            ExpressionAttributeValues={":yes": {"BOOL": True}},
        )
    assert governed.admin.delete(governed.path).status_code == 204
    assert governed.stored_pieces() == []


def test_of_two_admins_who_approve_at_once_one_is_refused(governed: Governed) -> None:
    others: list[int] = []

    def list_while_another_approves(request: httpx.Request) -> httpx.Response:
        if not others:
            others.append(0)
            with governed.world.deployment.admin as other:
                path = f"{governed.path}/tools/approvals"
                others[0] = other.post(path, json={"all": True}).status_code
        return governed.world.resource_server.handle(request)

    governed.world.internet.add_page(MCP_URL, list_while_another_approves)
    assert error_of(governed.approve({"all": True})) == (409, "mcp_server_changed")
    assert others == [200]
    assert states(governed.approvals()) == dict.fromkeys(NAMES, "approved")


def test_a_server_that_nobody_approved_has_nothing_stored(governed: Governed) -> None:
    create_server(governed.admin, slug="other")
    governed.listed()
    assert governed.stored_pieces() == []

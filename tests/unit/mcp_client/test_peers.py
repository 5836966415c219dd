"""The client against real FastMCP servers, on both wires."""

import ipaddress
import time
from collections.abc import Iterator

import pytest

from chalicelib.egress import Egress
from chalicelib.mcp_client.client import MCPClient, Target
from chalicelib.mcp_client.errors import MCPAuthorizationError
from chalicelib.mcp_client.models import Tool
from tests.support.mcp_peers import running_mcp_server

NAMES = ["add", "add_2", "add_3", "add_4", "add_5", "add_6", "add_7"]


@pytest.fixture
def client() -> Iterator[MCPClient]:
    egress = Egress([ipaddress.ip_network("127.0.0.0/8")])
    yield MCPClient(egress, time.sleep)
    egress.close()


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--json"],
        ["--legacy"],
        ["--legacy", "--stateless", "--json"],
    ],
    ids=" ".join,
)
def test_a_real_server_lists_all_pages_of_its_tools_again_and_again(
    client: MCPClient, flags: list[str]
) -> None:
    with running_mcp_server(*flags) as url:
        first, second = (client.list_tools(Target(url, {})).tools for _ in range(2))
    assert first == second
    assert [tool.name for tool in first] == NAMES
    assert first[0] == Tool(
        name="add",
        title="Add two numbers",
        description="Add two numbers.",
        input_schema={
            "type": "object",
            "additionalProperties": False,
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
        annotations={"readOnlyHint": True},
    )


@pytest.mark.parametrize("flags", [[], ["--legacy"]], ids=" ".join)
def test_a_real_server_is_shown_the_bearer_token_and_its_challenge_is_kept(
    client: MCPClient, flags: list[str]
) -> None:
    with running_mcp_server("--token", "sentinel", *flags) as url:
        with pytest.raises(MCPAuthorizationError) as caught:
            client.list_tools(Target(url, {"Authorization": "Bearer sentinel-wrong"}))
        tools = client.list_tools(Target(url, {"Authorization": "Bearer sentinel"})).tools
    assert caught.value.status == 401
    assert caught.value.www_authenticate[0].startswith("Bearer")
    assert "sentinel" not in caught.value.message
    assert [tool.name for tool in tools] == NAMES

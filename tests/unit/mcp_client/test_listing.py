import logging
from typing import Any

import pytest

from chalicelib.mcp_client.errors import MCPProtocolError
from chalicelib.mcp_client.models import Tool
from tests.unit.mcp_client.conftest import (
    Reply,
    ScriptedServer,
    accepted,
    initialized,
    plain,
    result,
    tool,
    tools,
)

UNSENDABLE = {"properties": {"a": {"type": "number", "x-mcp-header": "A"}}}


def names(server: ScriptedServer) -> list[str]:
    return [each.name for each in server.list_tools()]


def test_a_tool_is_passed_on_as_its_server_describes_it() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": "https://elsewhere.test/schema.json",
        "required": [],
        "x-vendor": {"deep": [1.5, None, "é"]},
    }
    fields = {"title": "Search", "description": "Finds.", "annotations": {"readOnlyHint": True}}
    server = ScriptedServer(tools({"name": "search", "inputSchema": schema, **fields}))
    assert server.list_tools() == (
        Tool("search", "Search", "Finds.", schema, {"readOnlyHint": True}),
    )
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"title": "T", "annotations": {"title": "A"}}, "T"),
        ({"annotations": {"title": "A"}}, "A"),
        ({}, "search"),
        ({"title": 7, "annotations": "none", "description": []}, "search"),
    ],
)
def test_the_title_falls_back_to_the_annotation_and_the_name(
    fields: dict[str, Any], title: str
) -> None:
    [found] = ScriptedServer(tools(tool(**fields))).list_tools()
    assert (found.title, found.description) == (title, "")


def test_every_page_is_asked_for_with_the_cursor_of_the_one_before() -> None:
    server = ScriptedServer(
        tools(tool("a"), nextCursor="1"), tools(tool("b"), nextCursor=""), tools(tool("c"))
    )
    assert names(server) == ["a", "b", "c"]
    params = [message["params"] for message in server.messages]
    assert [each.get("cursor") for each in params] == [None, "1", ""]
    assert all("_meta" in each for each in params)


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ([tools(nextCursor="1"), tools(nextCursor="1")], "repeated page cursor"),
        ([tools(nextCursor=7)], "invalid or repeated page cursor"),
        ([tools(nextCursor=str(number)) for number in range(100)], "more than 100 pages"),
        ([tools(*(tool(f"tool{n}") for n in range(2001)))], "more than 2000 tools"),
        ([result({"resultType": "complete"})], "a list of tools that is none"),
        (
            [result({"tools": {"a": tool()}, "resultType": "complete"})],
            "a list of tools that is none",
        ),
    ],
)
def test_a_listing_without_end_or_shape_is_a_protocol_error(
    replies: list[Reply], reason: str
) -> None:
    with pytest.raises(MCPProtocolError, match=reason):
        ScriptedServer(*replies).list_tools()


@pytest.mark.rule(64)
def test_tools_that_cannot_be_used_are_left_out_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unusable: list[Any] = [
        "search",
        {},
        {"name": "no schema"},
        tool("null schema", inputSchema=None),
        tool(7),  # type: ignore[arg-type]
        tool(""),
        tool("half a surrogate pair \ud800"),
        tool("deep", description="\udc00"),
        tool("unsendable", inputSchema=UNSENDABLE),
        tool("a task", execution={"taskSupport": "required"}),
    ]
    with caplog.at_level(logging.WARNING, logger="ciborium"):
        assert names(ScriptedServer(tools(tool("a"), *unusable, tool("b")))) == ["a", "b"]
    [record] = caplog.records
    assert record.fields == {"host": "mcp.test", "tools": 10}  # type: ignore[attr-defined]


def test_a_legacy_server_keeps_tools_whose_headers_nobody_sends() -> None:
    page = tools(tool("unsendable", inputSchema=UNSENDABLE))
    server = ScriptedServer(plain(400), initialized(session=None), accepted, page)
    assert names(server) == ["unsendable"]


def test_the_first_of_two_tools_with_the_same_name_is_kept() -> None:
    page = tools(tool("a", description="1"), tool("b"), tool("a", description="2"))
    found = ScriptedServer(page).list_tools()
    assert [(each.name, each.description) for each in found] == [("a", "1"), ("b", "")]

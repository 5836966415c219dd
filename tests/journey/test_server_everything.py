"""Ciborium with the official server of every feature, over Streamable HTTP and over HTTP+SSE."""

import base64
from collections.abc import Iterator
from typing import Any, Literal

import httpx
import pytest

from tests.support.node_peers import running_everything
from tests.support.peer_journey import PeerWorld
from tests.support.servers import SERVERS

Mode = Literal["streamableHttp", "sse"]
TRANSPORTS: dict[Mode, str] = {"streamableHttp": "streamable_http", "sse": "sse"}
PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module", params=list(TRANSPORTS))
def peer(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Where the server is, and how it is spoken with."""
    with running_everything(request.param) as url:
        yield {"url": url, "transport": TRANSPORTS[request.param]}


def register(world: PeerWorld, peer: dict[str, str], **changes: Any) -> str:
    server_id: str = world.register(**peer, auth_type="none", **changes)["id"]
    return server_id


def result_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    assert result.pop("result_type") == "complete"
    return result


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


def test_tools_are_listed_as_the_server_describes_them(
    world: PeerWorld, peer: dict[str, str]
) -> None:
    server_id = register(world, peer, tool_deny_list=["get-env"])
    tools = {each["name"]: each for each in world.list_tools(server_id).json()["tools"]}
    assert {"echo", "get-env", "get-sum", "get-tiny-image"} <= tools.keys()
    assert [name for name, tool in tools.items() if not tool["allowed"]] == ["get-env"]
    assert tools["get-sum"] == {
        "name": "get-sum",
        "title": "Get Sum Tool",
        "description": "Returns the sum of two numbers",
        "input_schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "a": {"type": "number", "description": "First number"},
                "b": {"type": "number", "description": "Second number"},
            },
            "required": ["a", "b"],
        },
        "rule": "allow",
        "annotations": {
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        },
        "allowed": True,
    }


def test_a_call_brings_back_text_images_and_structured_content(
    world: PeerWorld, peer: dict[str, str]
) -> None:
    server_id = register(world, peer)
    said = result_of(world.call_tool(server_id, "echo", message="Grüße, 世界"))
    assert said == {"content": [text("Echo: Grüße, 世界")], "is_error": False}
    _, image, _ = result_of(world.call_tool(server_id, "get-tiny-image"))["content"]
    assert (image["type"], image["mimeType"]) == ("image", "image/png")
    assert base64.b64decode(image["data"]).startswith(PNG)
    weather = result_of(world.call_tool(server_id, "get-structured-content", location="Chicago"))
    assert weather["structured_content"] == {
        "temperature": 36,
        "conditions": "Light rain / drizzle",
        "humidity": 82,
    }


def test_a_call_that_fails_at_the_server_is_an_answer_with_its_reason(
    world: PeerWorld, peer: dict[str, str]
) -> None:
    server_id = register(world, peer)
    failed = result_of(world.call_tool(server_id, "get-sum", a="one"))
    assert failed["is_error"]
    assert "expected number, received string" in failed["content"][0]["text"]


def test_an_answer_that_takes_its_time_is_waited_for(
    world: PeerWorld, peer: dict[str, str]
) -> None:
    server_id = register(world, peer)
    slow = "trigger-long-running-operation"
    done = result_of(world.call_tool(server_id, slow, duration=0.5, steps=2))
    assert "completed" in done["content"][0]["text"]


def test_a_question_of_the_server_during_a_call_is_answered(
    world: PeerWorld, peer: dict[str, str]
) -> None:
    """It wants a name, which has no default; it offers the tool only to clients that answer."""
    server_id = register(world, peer)
    asked = "trigger-elicitation-request"
    answer = world.mara.post(
        f"{SERVERS}/{server_id}/tools/call",
        json={"name": asked, "elicitation": "accept_defaults"},
    )
    assert "User declined" in result_of(answer)["content"][0]["text"]
    assert asked not in [each["name"] for each in world.list_tools(server_id).json()["tools"]]


@pytest.mark.rule(69, 70)
def test_both_transports_are_listed_at_once(world: PeerWorld) -> None:
    with running_everything("streamableHttp") as http_url, running_everything("sse") as sse_url:
        register(world, {"url": http_url, "transport": "streamable_http"}, slug="http")
        register(world, {"url": sse_url, "transport": "sse"}, slug="events")
        answer = world.mara.get("/api/experimental/mcp/tools").raise_for_status()
    found = {each["slug"]: each for each in answer.json()["servers"]}
    assert [found[slug].get("error") for slug in ("http", "events")] == [None, None]
    assert found["http"]["tools"] == found["events"]["tools"] != []


@pytest.mark.rule(68, 69)
def test_a_server_of_the_older_transport_is_found_out_behind_streamable_http(
    world: PeerWorld,
) -> None:
    """2026-07-28, Streamable HTTP, backward compatibility."""
    with running_everything("sse") as url:
        server_id = register(world, {"url": url, "transport": "streamable_http"})
        assert world.list_tools(server_id).status_code == 200
        said = result_of(world.call_tool(server_id, "echo", message="hello"))
    assert said["content"] == [text("Echo: hello")]

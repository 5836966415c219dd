"""An MCP server without OAuth2 whose tools answer as a test wants."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.journey import World
from tests.support.servers import SERVERS, create_server

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class ToolServer:
    """It speaks the stateless revision.

    Attributes:
        tools: what it lists; a name alone stands for a tool that takes anything.
        result: what each call comes to.
        calls: the parameters of every call, in order.
        listings: how often its tools were listed.
        instead: answers requests in its place, if it is set.
        meanwhile: what somebody does while a call is made.
    """

    slug: str
    world: World
    tools: list[str | dict[str, Any]]
    result: dict[str, Any] = field(default_factory=lambda: {"content": []})
    calls: list[dict[str, Any]] = field(default_factory=list)
    listings: int = 0
    instead: Answer | None = None
    meanwhile: Callable[[], object] | None = None
    id: str = ""

    @property
    def url(self) -> str:
        """Its MCP endpoint."""
        return f"https://{self.slug}.example/mcp"

    def change(self, **changes: Any) -> None:
        """The admin changes its config."""
        with self.world.deployment.admin as admin:
            admin.patch(f"{SERVERS}/{self.id}", json=changes).raise_for_status()

    def delete(self) -> None:
        """The admin deletes it."""
        with self.world.deployment.admin as admin:
            admin.delete(f"{SERVERS}/{self.id}").raise_for_status()

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer as the server would."""
        message = json.loads(request.content)
        is_call = message["method"] == "tools/call"
        if is_call:
            self.calls.append(message["params"])
        else:
            self.listings += 1
        if self.instead is not None:
            return self.instead(request)
        if is_call and self.meanwhile is not None:
            self.meanwhile()
        result = self.result if is_call else {"tools": [_tool(each) for each in self.tools]}
        body = {**result, "resultType": "complete"}
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": message["id"], "result": body})

    @property
    def call_ids(self) -> list[str]:
        """What every call was named in `_meta`."""
        return [str(each["_meta"]["io.github.ciborium/tool_call_id"]) for each in self.calls]


def add_tools(world: World, slug: str, *tools: str | dict[str, Any], **changes: Any) -> ToolServer:
    """An enabled server with these tools."""
    server = ToolServer(slug, world, list(tools))
    world.internet.add_page(server.url, server.handle)
    with world.deployment.admin as admin:
        body = {"slug": slug, "display_name": slug, "url": server.url, "enabled": True, **changes}
        server.id = str(create_server(admin, **body)["id"])
    return server


def _tool(tool: str | dict[str, Any]) -> dict[str, Any]:
    return {"name": tool, "inputSchema": {"type": "object"}} if isinstance(tool, str) else tool

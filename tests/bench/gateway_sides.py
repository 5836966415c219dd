"""The operations that both gateways offer, each in its own API's terms."""

import ipaddress
import itertools
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from chalicelib.egress import Egress
from chalicelib.mcp_client.client import MCPClient, Target
from chalicelib.mcp_client.models import ToolCall
from tests.bench.timing import Operation, Side, Undo
from tests.support.servers import SERVERS, create_server

LIST = "list 20 servers"
GET = "get a server"
CREATE = "create a server"
CREATE_AND_LIST = "create a server and show its tools"
TOOLS_KNOWN = "list a server's tools, known ones"
TOOLS_ASKED = "list a server's tools, asking it"
CALL = "call a tool"
CALL_KNOWN = "call a tool, at its best"

REGISTERED = 20
KINDS = ("fresh", "plain")
"""Half of the servers say for how long their lists are fresh; the other half promise nothing."""
USED = 8
"""So many of each kind are used: no two of eight clients use the same one at the same time."""
TOOLS = 20
_ADDENDS = {"a": 19, "b": 23}
_SUM = "42"
_numbers = itertools.count()


class Servers:
    """What was registered: an id for each URL of a kind."""

    def __init__(self, register: Callable[[str, str], str], urls: Mapping[str, Sequence[str]]):
        self.ids = {
            kind: [register(f"{kind}-{number}", url) for number, url in enumerate(urls[kind])]
            for kind in KINDS
        }
        self._urls = urls

    def id(self, kind: str, attempt: int) -> str:
        """The id of the server whose turn it is."""
        return self.ids[kind][attempt % USED]

    def another(self) -> tuple[str, str]:
        """A name and an URL that nobody has registered yet."""
        number = next(_numbers)
        return f"more-{number}", f"{self._urls['plain'][0]}?number={number}"


class Ciborium:
    """Ours: a server is an MCP server config."""

    def __init__(self, side: Side, urls: Mapping[str, Sequence[str]]) -> None:
        self.side = side
        with side.client() as client:
            self._servers = Servers(
                lambda slug, url: create_server(client, slug=slug, url=url, enabled=True)["id"],
                urls,
            )

    def operations(self) -> dict[str, Operation]:
        """What it does for each of the names above."""
        return {
            LIST: lambda client, _: _expect_length(client.get(SERVERS), REGISTERED),
            GET: self._get,
            CREATE: lambda client, _: self._create(client)[1],
            CREATE_AND_LIST: self._create_and_list,
            TOOLS_KNOWN: lambda client, attempt: self._list(
                client, self._servers.id("fresh", attempt)
            ),
            TOOLS_ASKED: lambda client, attempt: self._list(
                client, self._servers.id("plain", attempt), refresh="true"
            ),
            CALL: lambda client, attempt: self._call(client, self._servers.id("plain", attempt)),
            CALL_KNOWN: lambda client, attempt: self._call(
                client, self._servers.id("fresh", attempt)
            ),
        }

    def _get(self, client: httpx.Client, attempt: int) -> None:
        server_id = self._servers.id("plain", attempt)
        assert _json(client.get(f"{SERVERS}/{server_id}"))["id"] == server_id

    def _create(self, client: httpx.Client) -> tuple[str, Undo]:
        slug, url = self._servers.another()
        path = f"{SERVERS}/{create_server(client, slug=slug, url=url, enabled=True)['id']}"
        return path, lambda: client.delete(path).raise_for_status()

    def _create_and_list(self, client: httpx.Client, _: int) -> Undo:
        path, undo = self._create(client)
        _expect_length(client.get(f"{path}/tools"), TOOLS, "tools")
        return undo

    def _list(self, client: httpx.Client, server_id: str, **params: str) -> None:
        found = client.get(f"{SERVERS}/{server_id}/tools", params=params)
        _expect_length(found, TOOLS, "tools")

    def _call(self, client: httpx.Client, server_id: str) -> None:
        call = {"name": "add", "arguments": _ADDENDS}
        found = _json(client.post(f"{SERVERS}/{server_id}/tools/call", json=call))
        assert found["content"][0]["text"] == _SUM, found


class ContextForge:
    """The peer: a server is a gateway that it federates."""

    def __init__(self, side: Side, urls: Mapping[str, Sequence[str]]) -> None:
        self.side = side
        self._slugs: dict[str, str] = {}
        self._run = uuid.uuid4()
        with side.client() as client:
            self._servers = Servers(lambda slug, url: self._register(client, slug, url), urls)

    def operations(self) -> dict[str, Operation]:
        """What it does for each of the names above."""
        return {
            LIST: lambda client, _: _expect_length(client.get("/v1/gateways"), REGISTERED),
            GET: self._get,
            CREATE: lambda client, _: self._create(client)[1],
            CREATE_AND_LIST: self._create_and_list,
            TOOLS_KNOWN: lambda client, attempt: self._list(
                client, self._servers.id("fresh", attempt)
            ),
            TOOLS_ASKED: self._refresh,
            CALL: lambda client, attempt: self._call(client, self._servers.id("plain", attempt)),
            CALL_KNOWN: self._call_in_session,
        }

    def _register(self, client: httpx.Client, slug: str, url: str) -> str:
        body = {"name": slug, "url": url, "transport": "STREAMABLEHTTP"}
        gateway_id = str(_json(client.post("/v1/gateways", json=body))["id"])
        self._slugs[gateway_id] = slug
        return gateway_id

    def _get(self, client: httpx.Client, attempt: int) -> None:
        gateway_id = self._servers.id("plain", attempt)
        assert _json(client.get(f"/v1/gateways/{gateway_id}"))["id"] == gateway_id

    def _create(self, client: httpx.Client) -> tuple[str, Undo]:
        gateway_id = self._register(client, *self._servers.another())
        return gateway_id, lambda: client.delete(f"/v1/gateways/{gateway_id}").raise_for_status()

    def _create_and_list(self, client: httpx.Client, _: int) -> Undo:
        gateway_id, undo = self._create(client)
        self._list(client, gateway_id)
        return undo

    def _list(self, client: httpx.Client, gateway_id: str) -> None:
        found = client.get("/v1/tools", params={"gateway_id": gateway_id, "limit": "0"})
        _expect_length(found, TOOLS)

    def _refresh(self, client: httpx.Client, attempt: int) -> None:
        """Asking a server changes the database; another request shows the tools."""
        gateway_id = self._servers.id("plain", attempt)
        assert _json(client.post(f"/v1/gateways/{gateway_id}/tools/refresh"))["success"]
        self._list(client, gateway_id)

    def _call_in_session(self, client: httpx.Client, attempt: int) -> None:
        """It keeps a session with the server for each MCP session that a caller names."""
        headers = {"Mcp-Session-Id": f"{self._run}-{id(client)}"}
        self._call(client, self._servers.id("fresh", attempt), headers)

    def _call(
        self, client: httpx.Client, gateway_id: str, headers: Mapping[str, str] | None = None
    ) -> None:
        params = {"name": f"{self._slugs[gateway_id]}-add", "arguments": _ADDENDS}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        found = _json(client.post("/rpc", json=body, headers=headers))
        assert found.get("result", {}).get("content", [{}])[0].get("text") == _SUM, found


class Direct:
    """No gateway: Ciborium's MCP client asks the servers itself, with nothing before it."""

    def __init__(self, urls: Mapping[str, Sequence[str]]) -> None:
        self.side = Side("no gateway", urls["plain"][0], {})
        self._egress = Egress([ipaddress.ip_network("127.0.0.0/8")])
        self._client = MCPClient(self._egress, time.sleep)
        self._targets = [Target(url, {}) for url in urls["plain"]]
        self._known = [self._client.list_tools(each) for each in self._targets]

    def operations(self) -> dict[str, Operation]:
        """Those that a server can do."""
        return {TOOLS_ASKED: self._list, CALL_KNOWN: self._call}

    def close(self) -> None:
        """Close its connections."""
        self._egress.close()

    def _list(self, _: httpx.Client, attempt: int) -> None:
        assert len(self._client.list_tools(self._targets[attempt % USED]).tools) == TOOLS

    def _call(self, _: httpx.Client, attempt: int) -> None:
        number = attempt % USED
        call = ToolCall(name="add", arguments=_ADDENDS)
        found, _listing = self._client.call_tool(self._targets[number], call, self._known[number])
        assert found.content[0]["text"] == _SUM


def _json(response: httpx.Response) -> Any:
    assert response.is_success, f"{response.status_code} {response.text[:300]}"
    return response.json()


def _expect_length(response: httpx.Response, length: int, member: str = "") -> None:
    found = _json(response)
    shown = found[member] if member else found
    assert len(shown) == length, f"{len(shown)} instead of {length}"

"""Testing the connection to a server: what fails is told step by step, against real servers."""

import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.egress import Egress
from tests.support import aws
from tests.support.authority import Authority
from tests.support.deployment import Deployment, error_of, start_deployment
from tests.support.journey import World, connect_url
from tests.support.loopback import Connection, LoopbackServer, answer
from tests.support.servers import NOWHERE, SERVERS, create_server

STEPS = ["dns", "tcp", "tls", "http", "auth", "initialize", "list"]
HOST = "mcp.test"
KEY = {"auth_type": "api_key", "api_key_header": "X-Key", "api_key_value": "sentinel-key"}
MODERN, LEGACY = "2026-07-28", "2025-11-25"
TOOLS = {"tools": [{"name": "search", "inputSchema": {"type": "object"}}]}

Rules = dict[str, Callable[[dict[str, Any]], bytes]]
"""The answers of a server by JSON-RPC method; `""` answers what is not named."""


def resolve(host: str) -> list[str]:
    if host != HOST:
        raise OSError("no such name")
    return ["127.0.0.1"]


class Network:
    """A deployment, and servers on loopback under one name."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.egress = Egress(
            (ipaddress.ip_network("127.0.0.0/8"),),
            resolver=resolve,
            ssl_context=self.authority.client_context(),
        )
        self.deployment: Deployment = start_deployment(egress=self.egress)
        self.servers: list[LoopbackServer] = []

    def serve(self, rules: Rules, context: ssl.SSLContext | None = None) -> str:
        """The URL of a new server, with TLS if it has a context."""

        def respond(connection: Connection, request: bytes) -> None:
            head, _, body = request.partition(b"\r\n\r\n")
            message = json.loads(body) if body else {"method": head.split(b" ")[0].decode()}
            rule = rules.get(message["method"]) or rules.get("") or method_not_found
            connection.send(rule(message))

        self.servers.append(LoopbackServer(respond, context))
        scheme = "http" if context is None else "https"
        return self.servers[-1].url("/mcp", host=HOST, scheme=scheme)

    def serve_securely(self, rules: Rules) -> str:
        return self.serve(rules, self.authority.server_context(HOST))

    def diagnose(self, url: str, **changes: Any) -> dict[str, Any]:
        with self.deployment.admin as admin:
            created = create_server(admin, url=url, **changes)
            return diagnose(admin, created["id"])

    def close(self) -> None:
        self.egress.close()
        for server in self.servers:
            server.close()


@pytest.fixture
def network(local_aws: None, tmp_path: Path) -> Iterator[Network]:
    opened = Network(tmp_path)
    yield opened
    opened.close()


def diagnose(client: httpx.Client, server_id: str) -> dict[str, Any]:
    response = client.get(f"{SERVERS}/{server_id}/tools?diagnose=true")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    assert [each["step"] for each in found["steps"]] == STEPS
    assert all(each["duration_ms"] >= 0 and each["detail"] for each in found["steps"])
    assert found["ok"] is all(each["ok"] for each in found["steps"])
    assert "sentinel" not in response.text
    return found


def failure(found: dict[str, Any]) -> tuple[str, str, str]:
    """The step that failed, its code and detail, after seeing that all before went well."""
    steps = found["steps"]
    at = next(number for number, each in enumerate(steps) if not each["ok"])
    assert not any(each.get("skipped") for each in steps[at : at + 1])
    assert all(not each["ok"] and each["skipped"] for each in steps[at + 1 :])
    assert "tools" not in found
    return steps[at]["step"], steps[at]["code"], steps[at]["detail"]


def skipped(found: dict[str, Any]) -> list[str]:
    return [each["step"] for each in found["steps"] if each.get("skipped")]


def result(value: dict[str, Any]) -> Callable[[dict[str, Any]], bytes]:
    def reply(message: dict[str, Any]) -> bytes:
        body = {"jsonrpc": "2.0", "id": message["id"], "result": value}
        return answer(body=json.dumps(body).encode(), Content_Type="application/json")

    return reply


def error(code: int, status: str = "200 OK") -> Callable[[dict[str, Any]], bytes]:
    def reply(message: dict[str, Any]) -> bytes:
        told = {"code": code, "message": "sentinel-upstream"}
        body = {"jsonrpc": "2.0", "id": message.get("id"), "error": told}
        return answer(status, json.dumps(body).encode(), Content_Type="application/json")

    return reply


def says(status: str, **headers: str) -> Callable[[dict[str, Any]], bytes]:
    return lambda _: answer(status, b"<p>sentinel-upstream</p>", **headers)


def is_modern(message: dict[str, Any]) -> bool:
    return "_meta" in message.get("params", {})


method_not_found = error(-32601, "404 Not Found")
MODERN_SERVER: Rules = {"tools/list": result({**TOOLS, "resultType": "complete"})}


def legacy(listing: Callable[[dict[str, Any]], bytes], version: str = LEGACY) -> Rules:
    """A server of the older revisions."""
    initialized = {"protocolVersion": version, "capabilities": {}, "serverInfo": {}}

    def list_tools(message: dict[str, Any]) -> bytes:
        return answer("400 Bad Request") if is_modern(message) else listing(message)

    return {
        "initialize": result(initialized),
        "notifications/initialized": lambda _: answer("202 Accepted"),
        "tools/list": list_tools,
    }


def test_a_server_of_the_modern_revision_passes_every_step(network: Network) -> None:
    found = network.diagnose(network.serve_securely(MODERN_SERVER), **KEY)
    assert found["ok"]
    assert skipped(found) == ["initialize"]
    assert (found["era"], found["protocol_version"]) == ("modern", MODERN)
    assert [(each["name"], each["allowed"]) for each in found["tools"]] == [("search", True)]
    assert found["steps"][2]["duration_ms"] > 0


def test_a_server_of_an_older_revision_shakes_hands(network: Network) -> None:
    found = network.diagnose(network.serve_securely(legacy(result(TOOLS))), **KEY)
    assert found["ok"]
    assert skipped(found) == []
    assert (found["era"], found["protocol_version"]) == ("legacy", LEGACY)
    assert LEGACY in found["steps"][5]["detail"]


def test_plain_http_and_no_credentials_have_nothing_to_fail(network: Network) -> None:
    found = network.diagnose(network.serve(MODERN_SERVER))
    assert found["ok"]
    assert skipped(found) == ["tls", "auth", "initialize"]


def test_a_name_that_does_not_resolve(network: Network) -> None:
    step, code, detail = failure(network.diagnose("https://unknown.test/mcp"))
    assert (step, code) == ("dns", "upstream_unreachable")
    assert "unknown.test could not be resolved" in detail


def test_a_name_that_resolves_to_a_private_address(network: Network) -> None:
    network.egress = egress = Egress(resolver=lambda _: ["10.0.0.1"])
    network.deployment = start_deployment(egress=egress)
    step, code, detail = failure(network.diagnose(f"https://{HOST}/mcp"))
    assert (step, code) == ("dns", "address_not_permitted")
    assert "CIBORIUM_ALLOWED_PRIVATE_CIDRS" in detail
    assert "10.0.0.1" not in detail


def test_a_port_on_which_nobody_listens(network: Network) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    step, code, detail = failure(network.diagnose(f"https://{HOST}:{port}/mcp"))
    assert (step, code) == ("tcp", "upstream_unreachable")
    assert "port" in detail


@pytest.mark.parametrize(
    ("certificate", "told"),
    [
        ("expired", "has expired"),
        ("of another name", "is for another name"),
        ("untrusted", "is not trusted"),
    ],
)
def test_a_certificate_that_does_not_do(
    network: Network, tmp_path: Path, certificate: str, told: str
) -> None:
    contexts = {
        "expired": network.authority.server_context(HOST, days=-1),
        "of another name": network.authority.server_context("other.test"),
        "untrusted": Authority(tmp_path).server_context(HOST),
    }
    url = network.serve(MODERN_SERVER, contexts[certificate])
    step, code, detail = failure(network.diagnose(url))
    assert (step, code) == ("tls", "upstream_unreachable")
    assert told in detail
    assert network.servers[0].requests == []


def test_a_server_that_speaks_plain_http_where_tls_is_expected(network: Network) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                sock.recv(4096)

        greeter = threading.Thread(target=greet)
        greeter.start()
        found = network.diagnose(f"https://{HOST}:{listener.getsockname()[1]}/mcp")
        greeter.join()
    step, code, detail = failure(found)
    assert (step, code) == ("tls", "upstream_unreachable")
    assert "could not be spoken to over TLS" in detail


@pytest.mark.parametrize(
    ("reply", "code", "told"),
    [
        (says("404 Not Found"), "mcp_server_error", "404. Is its URL an MCP endpoint"),
        (says("405 Method Not Allowed"), "mcp_server_error", "405. Is its URL an MCP endpoint"),
        (says("200 OK", Content_Type="text/html"), "mcp_protocol_error", "is its URL an MCP end"),
        (says("503 Unavailable"), "mcp_server_error", "503. The server is overloaded"),
        (says("307 Elsewhere", Location="https://evil.test/"), "upstream_bad_response", "redirect"),
        (lambda _: b"", "upstream_unreachable", "broke the connection"),
    ],
    ids=["404", "405", "HTML", "503", "a redirect", "no answer"],
)
def test_what_answers_is_no_mcp_endpoint(
    network: Network, reply: Callable[[dict[str, Any]], bytes], code: str, told: str
) -> None:
    def answer_or_hang_up(message: dict[str, Any]) -> bytes:
        data = reply(message)
        if not data:
            raise OSError("hang up")
        return data

    found = failure(network.diagnose(network.serve_securely({"": answer_or_hang_up}), **KEY))
    assert found[:2] == ("http", code)
    assert told in found[2]


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_credentials_that_the_server_refuses(network: Network, status: str) -> None:
    url = network.serve_securely({"": says(status)})
    step, code, detail = failure(network.diagnose(url, **KEY))
    assert (step, code) == ("auth", "mcp_authorization_failed")
    assert status[:3] in detail
    assert "auth_type" in detail


@pytest.mark.parametrize(
    ("rules", "code", "told"),
    [
        ({"initialize": error(-32602)}, "mcp_server_error", "JSON-RPC error -32602"),
        ({"initialize": error(-32000, "400 Bad Request")}, "mcp_server_error", "-32000"),
        ({"initialize": result({"protocolVersion": "1.0"})}, "mcp_protocol_error", "no protocol"),
        (
            {"initialize": legacy(result(TOOLS))["initialize"]},
            "mcp_server_error",
            "HTTP status 404",
        ),
    ],
    ids=["an error", "an error with a status", "an unknown version", "no notifications"],
)
def test_a_handshake_that_fails(network: Network, rules: Rules, code: str, told: str) -> None:
    refused = {"tools/list": lambda _: answer("400 Bad Request"), "GET": says("405 No")}
    found = failure(network.diagnose(network.serve_securely({**refused, **rules}), **KEY))
    assert found[:2] == ("initialize", code)
    assert told in found[2]


@pytest.mark.parametrize(
    ("listing", "code", "told"),
    [
        (error(-32603), "mcp_server_error", "JSON-RPC error -32603"),
        (says("500 Broken"), "mcp_server_error", "HTTP status 500"),
        (result({"tools": "none"}), "mcp_protocol_error", "a list of tools that is none"),
    ],
    ids=["an error", "a status", "nonsense"],
)
def test_a_list_that_cannot_be_had(
    network: Network, listing: Callable[[dict[str, Any]], bytes], code: str, told: str
) -> None:
    found = network.diagnose(network.serve_securely(legacy(listing)), **KEY)
    assert (found["era"], found["protocol_version"]) == ("legacy", LEGACY)
    told_of = failure(found)
    assert told_of[:2] == ("list", code)
    assert told in told_of[2]


def test_a_modern_list_that_cannot_be_had(network: Network) -> None:
    rules = {"tools/list": result({"tools": 7, "resultType": "complete"})}
    found = failure(network.diagnose(network.serve_securely(rules), **KEY))
    assert found[:2] == ("list", "mcp_protocol_error")


def test_an_admin_who_is_not_connected_learns_that_the_server_answers_and_where_to_connect(
    world: World,
) -> None:
    server_id = world.register()["id"]
    with world.deployment.admin as admin:
        found = diagnose(admin, server_id)
    assert failure(found)[:2] == ("auth", "connect_required")
    assert found["steps"][4]["connect_url"] == connect_url(server_id)
    assert "401" in found["steps"][3]["detail"]


def test_without_a_connection_a_wrong_url_is_still_found(world: World) -> None:
    server_id = world.register()["id"]
    world.internet.add_page("https://tickets.example/mcp", httpx.Response(404))
    with world.deployment.admin as admin:
        assert failure(diagnose(admin, server_id))[:2] == ("http", "mcp_server_error")


def test_a_connection_that_the_server_no_longer_takes(world: World) -> None:
    server_id = world.connected()
    world.authorization_server.tokens.clear()
    with world.deployment.admin as admin:
        found = diagnose(admin, server_id)
        assert failure(found)[:2] == ("auth", "connect_required")
        assert found["steps"][4]["connect_url"] == connect_url(server_id)
    world.connect_as("admin-token-for-tests-0123456789abcdef", server_id)
    with world.deployment.admin as admin:
        assert diagnose(admin, server_id)["ok"]


def test_a_fault_of_our_own_is_not_blamed_on_the_server(world: World) -> None:
    server_id = world.connected()
    aws.lose_table("connections")
    with world.deployment.admin as admin:
        failed = admin.get(f"{SERVERS}/{server_id}/tools?diagnose=true")
    assert error_of(failed) == (503, "storage_unavailable")


def test_the_tools_of_a_diagnosis_are_governed(world: World) -> None:
    server_id = world.connected(tool_deny_list=["search"])
    with world.deployment.admin as admin:
        found = diagnose(admin, server_id)
    assert [each["allowed"] for each in found["tools"]] == [True, True, False]


def test_a_diagnosis_is_for_admins(world: World) -> None:
    server_id = world.register()["id"]
    with world.deployment.new_member() as mara, world.deployment.admin as admin:
        for each in (server_id, NOWHERE):
            refused = mara.get(f"{SERVERS}/{each}/tools?diagnose=true")
            assert error_of(refused) == (403, "not_allowed")
        nowhere = admin.get(f"{SERVERS}/{NOWHERE}/tools?diagnose=true")
        assert error_of(nowhere) == (404, "mcp_server_not_found")

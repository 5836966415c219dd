"""Drives a running Ciborium for the official MCP conformance suite: the caller and the browser.

The suite starts it once for each scenario, with the URL of its MCP server as the last argument. It
adds nothing and decides nothing: it registers that URL, calls tools, opens the connect link when
the API says so, and follows redirects. It reads no challenge, knows no scope, sends no PKCE, and
never repeats a call unless the API's own code asks it to connect. Standard library only: it starts
in a tenth of a second.
"""

import http.cookiejar
import json
import os
import sys
import urllib.error
import urllib.request
import uuid
from typing import Any
from urllib.parse import urljoin

BROKER = os.environ["CIBORIUM_CONFORMANCE_URL"]
ADMIN_TOKEN = os.environ["CIBORIUM_CONFORMANCE_TOKEN"]
SCENARIO = os.environ["MCP_CONFORMANCE_SCENARIO"]
CONTEXT = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
SERVERS = f"{BROKER}/api/experimental/mcp/servers"
# More than any sound client needs: when to stop is the broker's to say.
MOST_CONNECTS = 10
MOST_REDIRECTS = 10

Answer = tuple[int, dict[str, Any]]


class RefusedError(Exception):
    """The broker, or somebody on the way, said no."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class User:
    """One user of the broker, with a token for its API and a browser of their own."""

    def __init__(self, token: str) -> None:
        self._token = token
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies, _NoRedirects)

    def call(self, method: str, url: str, body: Any = None) -> Answer:
        """Call the API; the status and the JSON body, whatever the status."""
        status, _, text = self.open(method, url, body)
        return status, json.loads(text or "{}")

    def open(self, method: str, url: str, body: Any = None) -> tuple[int, str, str]:
        """Send a request; the status, where it redirects to, and the body."""
        request = urllib.request.Request(url, method=method)
        if url.startswith(BROKER):
            request.add_header("Authorization", f"Bearer {self._token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=28) as answer:
                return answer.status, "", answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers.get("Location", ""), answer.read().decode()


class Scenario:
    """One MCP server, registered with the broker, and one user who uses it."""

    def __init__(self, server_url: str) -> None:
        admin = User(ADMIN_TOKEN)
        self._server = f"{SERVERS}/{self._register(admin, server_url)}"
        name = f"u-{uuid.uuid4().hex[:20]}"
        person = {"username": name, "email": f"{name}@example.com"}
        user = _expect(201, admin.call("POST", f"{BROKER}/api/v2/users", person))
        tokens = f"{BROKER}/api/v2/users/{user['id']}/keys/tokens"
        self._user = User(_expect(201, admin.call("POST", tokens, {}))["key"])

    def list_tools(self) -> list[dict[str, Any]]:
        """The tools that the user may use."""
        tools: list[dict[str, Any]] = self._use("GET", "tools")["tools"]
        return tools

    def call_tool(self, name: str, arguments: Any, **options: Any) -> dict[str, Any]:
        """Call a tool."""
        body = {"name": name, "arguments": arguments, **options}
        return self._use("POST", "tools/call", body)

    def _use(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        for _ in range(MOST_CONNECTS):
            answer = self._user.call(method, f"{self._server}/{path}", body)
            if answer[1].get("code") not in {"connect_required", "step_up_required"}:
                return _expect(200, answer)
            self._connect(answer[1]["connect_url"])
        raise RefusedError("the broker never stopped asking to connect")

    def _connect(self, url: str) -> None:
        """The browser's part: from the connect link to the callback, query string untouched."""
        for _ in range(MOST_REDIRECTS):
            status, location, text = self._user.open("GET", url)
            if status == 200 and url.startswith(BROKER):
                return
            if not 300 <= status < 400:
                raise RefusedError(f"{status} {text}")
            url = urljoin(url, location)
        raise RefusedError("too many redirects")

    def _register(self, admin: User, server_url: str) -> str:
        body = {
            "display_name": SCENARIO,
            "slug": f"s-{uuid.uuid4().hex}",
            "transport": "streamable_http",
            "url": server_url,
            "auth_type": "oauth2" if SCENARIO.startswith("auth/") else "none",
            "availability": "default_off",
            "enabled": True,
        }
        if "client_id" in CONTEXT:
            body["oauth2_client_id"] = CONTEXT["client_id"]
            body["oauth2_client_secret"] = CONTEXT.get("client_secret", "")
            body["oauth2_issuer"] = CONTEXT.get("issuer", "")
        return str(_expect(201, admin.call("POST", SERVERS, body))["id"])


def _expect(status: int, answer: Answer) -> dict[str, Any]:
    if answer[0] != status:
        raise RefusedError(f"{answer[0]} {json.dumps(answer[1])}")
    return answer[1]


def play(scenario: Scenario) -> None:
    """What a user does in each scenario."""
    plays = {
        "elicitation-sep1034-client-defaults": _accept_defaults,
        "http-custom-headers": _repeat_calls,
        "http-invalid-tool-headers": _call_every_tool,
        "initialize": Scenario.list_tools,
        "json-schema-ref-no-deref": Scenario.list_tools,
        "json-schema-2020-12-preservation": _echo_schema,
        "request-metadata": _add_numbers,
        "sep-2322-client-request-state": _answer_questions,
        "tools_call": _add_numbers,
    }
    plays.get(SCENARIO, _call_first_tool_twice)(scenario)


def _call_first_tool_twice(scenario: Scenario) -> None:
    """Twice: what a first call changed, a second one meets."""
    for tool in scenario.list_tools()[:1] * 2:
        scenario.call_tool(tool["name"], _build_arguments(tool["input_schema"]))


def _call_every_tool(scenario: Scenario) -> None:
    for tool in scenario.list_tools():
        scenario.call_tool(tool["name"], _build_arguments(tool["input_schema"]))


def _repeat_calls(scenario: Scenario) -> None:
    scenario.list_tools()
    for call in CONTEXT["toolCalls"]:
        scenario.call_tool(call["name"], call["arguments"])


def _add_numbers(scenario: Scenario) -> None:
    for tool in scenario.list_tools():
        scenario.call_tool(tool["name"], {"a": 5, "b": 3})


def _accept_defaults(scenario: Scenario) -> None:
    for tool in scenario.list_tools():
        scenario.call_tool(tool["name"], {}, elicitation="accept_defaults")


def _echo_schema(scenario: Scenario) -> None:
    (focal, *_) = [each for each in scenario.list_tools() if each["name"] != "json_schema_echo"]
    scenario.call_tool("json_schema_echo", {"schema": focal["input_schema"]})


def _answer_questions(scenario: Scenario) -> None:
    """Each tool once; questions are answered with yes after the other tools were called."""
    open_calls = []
    for tool in scenario.list_tools():
        answer = scenario.call_tool(tool["name"], {}, elicitation="ask")
        if answer["result_type"] == "input_required":
            open_calls.append((tool["name"], answer))
    for name, answer in open_calls:
        yes = {"action": "accept", "content": {"confirmed": True}}
        options = {"input_responses": dict.fromkeys(answer["input_requests"], yes)}
        if "request_state" in answer:
            options["request_state"] = answer["request_state"]
        scenario.call_tool(name, {}, elicitation="ask", **options)


def _build_arguments(schema: dict[str, Any]) -> dict[str, Any]:
    """A value of the right type for each property."""
    values = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "array": []}
    properties = schema.get("properties", {})
    return {name: values.get(each.get("type"), {}) for name, each in properties.items()}


if __name__ == "__main__":
    try:
        play(Scenario(sys.argv[-1]))
    except RefusedError as refusal:
        sys.exit(f"refused: {refusal}")

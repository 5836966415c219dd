"""Files of other programs, from and to servers of ours."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.sdk.interchange import (
    Form,
    Import,
    InterchangeError,
    read_servers,
    write_servers,
)
from chalicelib.sdk.mcp_servers import AuthType, MCPServerConfig
from chalicelib.sdk.reading import read_document

SECRET = "sentinel-secret-value"


def read(document: Any, **options: Any) -> Import:
    return read_servers(json.dumps(document), **options)


def request_of(document: Any, **options: Any) -> dict[str, Any]:
    """The one server of a file, as what is asked of the API, secrets shown."""
    found = read(document, **options)
    assert found.skipped == ()
    assert len(found.servers) == 1
    fields = found.servers[0].request.model_dump(exclude_unset=True)
    headers = fields.get("custom_headers", {})
    if headers:
        fields["custom_headers"] = {k: v.get_secret_value() for k, v in headers.items()}
    return fields


def one(entry: Any, **options: Any) -> dict[str, Any]:
    return request_of({"mcpServers": {"Linear (prod)": entry}}, **options)


def reason_of(document: Any, **options: Any) -> str:
    found = read(document, **options)
    assert found.servers == ()
    assert len(found.skipped) == 1
    return found.skipped[0].reason


BASE = {
    "display_name": "Linear (prod)",
    "slug": "linear-prod",
    "transport": "streamable_http",
    "url": "https://mcp.linear.app/mcp",
    "auth_type": "oauth2",
    "availability": "default_off",
    "enabled": False,
}
URL = "https://mcp.linear.app/mcp"


def test_a_server_without_headers_becomes_one_with_oauth2() -> None:
    assert one({"url": URL}) == BASE
    assert one({"url": URL}, auth_type=AuthType.NONE, enabled=True) == {
        **BASE,
        "auth_type": "none",
        "enabled": True,
    }


@pytest.mark.parametrize(
    ("entry", "transport"),
    [
        ({"type": "http", "url": URL}, "streamable_http"),
        ({"type": "streamable-http", "url": URL}, "streamable_http"),
        ({"type": "streamableHttp", "url": URL}, "streamable_http"),
        ({"transport": "streamable_http", "url": URL}, "streamable_http"),
        ({"serverUrl": URL}, "streamable_http"),
        ({"httpUrl": URL}, "streamable_http"),
        ({"type": "sse", "url": URL}, "sse"),
        ({"type": "http", "url": URL + "/sse"}, "streamable_http"),
        ({"url": URL + "/sse"}, "sse"),
    ],
)
def test_the_transport_is_found(entry: dict[str, Any], transport: str) -> None:
    assert one(entry)["transport"] == transport


def test_a_guessed_transport_is_said() -> None:
    found = read({"mcpServers": {"a": {"url": URL + "/sse/?x=1"}}})
    assert found.servers[0].notes == ("no type is given; HTTP+SSE is guessed from the URL",)


def test_headers_become_secret_custom_headers() -> None:
    fields = one({"url": URL, "headers": {"Authorization": f"Bearer {SECRET}", "X-Team": "a"}})
    assert fields["auth_type"] == "custom_headers"
    assert fields["custom_headers"] == {"Authorization": f"Bearer {SECRET}", "X-Team": "a"}


def test_nothing_that_is_shown_of_an_import_holds_a_secret() -> None:
    entries = {
        "good": {"url": URL, "headers": {"Authorization": SECRET}},
        "bad": {"url": URL, "headers": {"Host": SECRET}},
        "local": {"command": "npx", "args": [SECRET], "env": {"KEY": SECRET}},
    }
    found = read({"mcpServers": entries})
    assert (len(found.servers), len(found.skipped)) == (1, 2)
    assert SECRET not in repr(found)


def test_a_program_for_the_own_machine_is_reported() -> None:
    for entry in ({"command": "npx", "args": ["server-x"]}, {"type": "stdio"}):
        assert "program for the user's own machine (stdio)" in reason_of(
            {"mcpServers": {"a": entry}}
        )


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("https://x", "its entry is not an object"),
        ({}, "it has neither a url nor a command"),
        ({"url": 5}, "it has neither a url nor a command"),
        ({"type": "websocket", "url": URL}, "its type is neither http nor sse"),
        ({"url": URL, "headers": ["a"]}, "its headers are not an object of texts"),
        ({"url": URL, "headers": {"a": 1}}, "its headers are not an object of texts"),
        ({"url": "mcp.example"}, "url must be an absolute http or https URL"),
        ({"url": "http://["}, "url must be an absolute http or https URL"),
        ({"url": "https://u:p@x/"}, "url must not contain a user name or a password"),
        ({"url": URL, "headers": {"Host": "x"}}, "custom_headers must not be Host, which is set"),
        ({"command": "npx", "args": "mcp-remote"}, "its args are not a list of texts"),
        ({"command": "npx", "args": ["mcp-remote"]}, "it is a program"),
        ({"command": "npx", "args": ["mcp-remote", URL, "--header", "x"]}, "one of its --header"),
    ],
)
def test_an_entry_that_is_not_understood_is_reported(entry: Any, reason: str) -> None:
    assert reason_of({"mcpServers": {"a": entry}}).startswith(reason)


def test_mcp_remote_is_taken_for_the_server_that_it_leads_to() -> None:
    """The way in which `claude_desktop_config.json` names remote servers."""
    arguments = ["-y", "mcp-remote@latest", URL, "--header", "Authorization:${AUTH}", "--debug"]
    fields = one({"command": "npx", "args": arguments, "env": {"AUTH": f"Bearer {SECRET}"}})
    assert fields["url"] == URL
    assert fields["custom_headers"] == {"Authorization": f"Bearer {SECRET}"}
    plain = one({"command": "mcp-remote", "args": [URL, "--transport", "sse-only"]})
    assert (plain["transport"], plain["auth_type"]) == ("sse", "oauth2")


def test_what_else_an_entry_has_is_said() -> None:
    found = read({"mcpServers": {"a": {"url": URL, "timeout": 5, "oauth": {"clientId": "x"}}}})
    assert found.servers[0].notes == ("not taken over: oauth, timeout",)


def test_a_disabled_server_stays_disabled() -> None:
    assert one({"url": URL, "disabled": True}, enabled=True)["enabled"] is False
    assert one({"url": URL, "enabled": False}, enabled=True)["enabled"] is False


VSCODE = {
    "inputs": [{"type": "promptString", "id": "gh", "password": True}],
    "servers": {
        "github": {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${input:gh}"}}
    },
}


def test_a_placeholder_is_reported_and_never_stored() -> None:
    found = read(VSCODE)
    assert found.servers == ()
    assert found.missing == ("input:gh",)
    assert found.skipped[0].reason == "it has placeholders without a value"


@pytest.mark.parametrize("name", ["input:gh", "gh"])
def test_a_placeholder_with_a_value_is_filled_in(name: str) -> None:
    fields = request_of(VSCODE, values={name: SECRET})
    assert fields["custom_headers"] == {"Authorization": f"Bearer {SECRET}"}


@pytest.mark.parametrize("text", ["${env:KEY}", "${KEY}", "a${workspaceFolder}b", "${KEY}${K2}"])
def test_placeholders_of_all_clients_are_known(text: str) -> None:
    found = read({"mcpServers": {"a": {"url": URL, "headers": {"X-Key": text}}}})
    assert found.servers == ()
    assert found.missing


def test_the_environment_of_the_importer_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET", SECRET)
    found = read({"mcpServers": {"a": {"url": URL, "headers": {"X": "${env:AWS_SECRET}"}}}})
    assert found.missing == ("env:AWS_SECRET",)


def test_a_default_stands_in_for_a_missing_value_and_values_are_not_read_again() -> None:
    entry = {"url": "https://${HOST:-mcp.linear.app}/mcp", "headers": {"X-Key": "${KEY}"}}
    fields = one(entry, values={"KEY": "${env:OTHER}"})
    assert fields["url"] == URL
    assert fields["custom_headers"] == {"X-Key": "${env:OTHER}"}
    assert one(entry, values={"KEY": "k", "HOST": "other"})["url"] == "https://other/mcp"


def test_a_value_in_a_url_is_said_to_be_no_secret() -> None:
    found = read({"mcpServers": {"a": {"url": URL + "?k=${K}"}}}, values={"K": "v"})
    assert found.servers[0].notes == (
        "its URL holds a value that was filled in; it is not kept secret",
    )


def test_vscodes_settings_and_comments_are_understood() -> None:
    text = """
    {  // The user's settings
      "editor.fontSize": 12,
      "mcp": {"servers": {
        /* two of them */
        "a": {"type": "http", "url": "https://a.example/mcp", "description": "x // y, /* z */ ,]"},
        "b": {"type": "sse", "url": "https://b.example/sse",},
      }},
    }
    """
    found = read_servers(text)
    assert [each.name for each in found.servers] == ["a", "b"]
    assert found.servers[0].request.description == "x // y, /* z */ ,]"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "It is not JSON: .* in line 1, column 2"),
        ('{"mcpServers": {"a": sentinel-secret-value}}', "It is not JSON"),
        ("[]", "none of the forms"),
        ("{}", "none of the forms"),
        ('{"servers": [{"name": "x"}]}', "none of the forms"),
        ('{"servers": [5]}', "none of the forms"),
        ('{"mcpServers": "x"}', "none of the forms"),
        ("[" * 100_000, "nested too deeply|not JSON"),
        (" " * 4_200_000, "larger than 4 MiB"),
    ],
)
def test_a_file_of_no_known_form_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InterchangeError, match=problem) as refused:
        read_servers(text)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


REGISTRY = {
    "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    "name": "com.example/acme-analytics",
    "title": "ACME Analytics",
    "description": "Reports",
    "version": "2.0.0",
    "packages": [{"registryType": "npm", "identifier": "acme"}],
    "remotes": [
        {"type": "sse", "url": "https://acme.example/sse"},
        {
            "type": "streamable-http",
            "url": "https://{tenant}.acme.example/mcp",
            "variables": {"tenant": {"default": "eu"}},
            "headers": [
                {"name": "X-Key", "isRequired": True, "isSecret": True},
                {"name": "X-Region", "default": "west"},
                {"name": "X-Optional"},
                {"name": "Authorization", "value": "Bearer {token}", "isSecret": True},
            ],
        },
    ],
}


def test_a_server_json_of_the_registry_is_read() -> None:
    assert read(REGISTRY).missing == ("X-Key", "token")
    values = {"X-Key": SECRET, "token": "t", "tenant": "us"}
    for document in (REGISTRY, {"server": REGISTRY, "_meta": {}}, {"servers": [REGISTRY]}):
        fields = request_of(document, values=values)
        assert fields["display_name"] == "ACME Analytics"
        assert fields["slug"] == "acme-analytics"
        assert fields["transport"] == "streamable_http"
        assert fields["url"] == "https://us.acme.example/mcp"
        assert fields["custom_headers"] == {
            "X-Key": SECRET,
            "X-Region": "west",
            "Authorization": "Bearer t",
        }
    assert read(REGISTRY, values=values).servers[0].notes == (
        "without the optional headers X-Optional",
        "of its 2 remotes, this is streamable-http",
        "its URL holds a value that was filled in; it is not kept secret",
    )


def test_a_server_json_without_remotes_is_reported() -> None:
    local = {**REGISTRY, "remotes": []}
    assert "own machine (npm)" in reason_of(local)
    assert reason_of({"name": "a/b", "remotes": []}).startswith("it has no remote")


def config(**changes: Any) -> MCPServerConfig:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    fields: dict[str, Any] = {
        **dict.fromkeys(("has_oauth2_secret", "has_api_key", "has_custom_headers"), False),
        **dict.fromkeys(("model_intent", "allow_in_plan_mode", "forward_coder_headers"), False),
        "organization_ids": [],
        "user_header_names": [],
        "forward_identity_headers": False,
        "tool_allow_list": [],
        "tool_rules": {},
        "tool_changes": "flag",
        "tool_deny_list": [],
        **dict.fromkeys(("created_at", "updated_at"), now),
        "id": "i",
        "display_name": "Linear (prod)",
        "slug": "linear-prod",
        "description": "",
        "icon_url": "",
        "transport": "streamable_http",
        "url": URL,
        "auth_type": "oauth2",
        "availability": "default_off",
        "enabled": True,
        "auth_connected": False,
    }
    return read_document(MCPServerConfig, {**fields, **changes})


@pytest.mark.parametrize("form", list(Form))
def test_what_is_written_can_be_read_again(form: Form) -> None:
    servers = [config(), config(slug="other", display_name="Other", transport="sse")]
    found = read(write_servers(servers, form).document)
    assert found.skipped == ()
    assert [each.request.slug for each in found.servers] == ["linear-prod", "other"]
    assert [each.request.url for each in found.servers] == [URL, URL]
    assert [each.request.transport for each in found.servers] == ["streamable_http", "sse"]


@pytest.mark.parametrize("form", list(Form))
def test_a_placeholder_stands_for_an_api_key(form: Form) -> None:
    server = config(auth_type="api_key", api_key_header="X-Key", has_api_key=True)
    document = write_servers([server], form).document
    missing = read(document).missing
    assert len(missing) == 1
    fields = request_of(document, values={missing[0]: SECRET})
    assert fields["custom_headers"] == {"X-Key": SECRET}


def test_the_forms_are_those_of_the_programs() -> None:
    server = config(auth_type="api_key", api_key_header="X-Key", has_api_key=True)
    assert write_servers([server], Form.MCP).document == {
        "mcpServers": {
            "linear-prod": {
                "type": "http",
                "url": URL,
                "headers": {"X-Key": "${LINEAR_PROD_API_KEY}"},
            }
        }
    }
    assert write_servers([server], Form.VSCODE).document["inputs"] == [
        {
            "type": "promptString",
            "id": "linear-prod-api-key",
            "description": "API key for Linear (prod)",
            "password": True,
        }
    ]
    assert write_servers([server], Form.REGISTRY).document == {
        "$schema": REGISTRY["$schema"],
        "name": "app.linear.mcp/linear-prod",
        "title": "Linear (prod)",
        "description": "Linear (prod)",
        "version": "1.0.0",
        "remotes": [
            {
                "type": "streamable-http",
                "url": URL,
                "headers": [{"name": "X-Key", "isRequired": True, "isSecret": True}],
            }
        ],
    }


def test_what_cannot_be_written_is_said() -> None:
    hidden = config(url="", transport="")
    secret = config(slug="s", auth_type="custom_headers", has_custom_headers=True)
    written = write_servers([hidden, secret], Form.MCP)
    assert [each.name for each in written.skipped] == ["linear-prod"]
    assert [slug for slug, _ in written.notes] == ["s"]
    assert list(written.document["mcpServers"]) == ["s"]


@pytest.mark.parametrize("form", list(Form))
def test_a_key_in_a_urls_query_is_left_out_and_said_to_be(form: Form) -> None:
    written = write_servers([config(url=f"{URL}?key={SECRET}&team=red")], form)
    assert SECRET not in str(written.document)
    assert URL in str(written.document)
    assert [note for _, note in written.notes if "query" in note]

"""Servers, the user's connections and tools, with the command."""

import json
from pathlib import Path

import pytest

from tests.support.cli import SECRET, TICKETS, Terminal, sentinels_in
from tests.support.deployment import ADMIN_TOKEN
from tests.support.journey import MCP_URL, World, connect_url


def test_servers_are_added_listed_shown_changed_and_removed(terminal: Terminal) -> None:
    assert terminal.ok(*TICKETS).out.startswith("Added tickets with the id ")
    listed = terminal.ok("servers", "list").out
    assert "tickets" in listed
    assert MCP_URL in listed
    shown = terminal.ok("servers", "show", "tickets", "--json").json
    assert shown["oauth2_callback_url"]
    assert "oauth2 callback url" in terminal.ok("servers", "show", shown["id"]).out
    changed = terminal.ok(
        *("servers", "edit", "tickets", "--description", "About", "--availability", "force_on"),
        *("--deny-tool", "delete_issue", "--disable", "--json"),
    ).json
    assert (changed["description"], changed["availability"]) == ("About", "force_on")
    assert (changed["tool_deny_list"], changed["enabled"]) == (["delete_issue"], False)
    cleared = terminal.ok("servers", "edit", "tickets", "--deny-tool", "", "--description", "")
    assert cleared.out == "Changed tickets: description, tool_deny_list.\n"
    assert terminal.ok("servers", "show", "tickets", "--json").json["tool_deny_list"] == []
    assert terminal.run("servers", "remove", "tickets", typed="n\n").code == 1
    assert terminal.ok("servers", "remove", "tickets", typed="y\n").out == "Removed tickets.\n"
    assert terminal.ok("servers", "list").out == "None.\n"
    assert terminal.ok("servers", "list", "--json").json == []


def test_secrets_come_from_everywhere_but_the_command_line(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    key = ("--auth", "api_key", "--api-key-header", "X-Key", "--json")
    ways: list[tuple[tuple[str, ...], str]] = [
        ((), SECRET + "\n"),
        (("--secret-stdin",), SECRET + "\n"),
        (("--secret-env", "MY_SECRET"), ""),
        (("--secret-file", str(file)), ""),
    ]
    for number, (way, typed) in enumerate(ways):
        name = ("--name", f"Keyed {number}")
        ran = terminal.ok(
            "servers", "add", MCP_URL, *name, *key, *way, typed=typed, MY_SECRET=SECRET
        )
        assert ran.json["has_api_key"]
        assert SECRET not in ran.out + ran.err


def test_headers_take_their_values_one_after_the_other(
    world: World, terminal: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("from-file")
    ran = terminal.ok(
        *("servers", "add", "https://plain.example/mcp", "--auth", "custom_headers", "--enable"),
        *("--header", "X-One", "--header", "X-Two=env:TWO", "--header", f"X-Three=file:{file}"),
        *("--secret-stdin", "--name", "Plain", "--json"),
        typed="from-stdin\n",
        TWO="from-env",
    )
    assert ran.json["has_custom_headers"]
    world.internet.requests.clear()
    terminal.run("servers", "tools", "plain")
    sent = world.internet.requests[0].headers
    assert [sent[name] for name in ("X-One", "X-Two", "X-Three")] == [
        "from-stdin",
        "from-env",
        "from-file",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--auth", "custom_headers", "--header", f"X-Key={SECRET}"),
        ("--auth", "custom_headers", "--header", f"Authorization: Bearer {SECRET}"),
        ("--auth", "api_key", "--api-key", "--secret-env", "UNSET_VARIABLE"),
        ("--auth", "api_key", "--api-key", "--secret-file", "/nonexistent"),
        ("--auth", "api_key", "--api-key", "--secret-stdin"),
        ("--secret-stdin",),
        ("--api-key", "--secret-stdin", "--secret-env", "X"),
        ("--slug", "Not A Slug"),
        ("--auth", "magic"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_shows_no_secret(
    terminal: Terminal, arguments: tuple[str, ...]
) -> None:
    assert sentinels_in(terminal, "servers", "add", MCP_URL, *arguments) == (2, False)
    assert terminal.ok("servers", "list", "--json").json == []


def test_a_client_made_by_hand_is_entered_with_its_secret(terminal: Terminal) -> None:
    added = terminal.ok(
        *("servers", "add", MCP_URL, "--name", "Manual", "--client-id", "client-1"),
        *("--client-secret", "--auth-url", "https://login.example/authorize"),
        *("--token-url", "https://login.example/token", "--json"),
        typed=SECRET + "\n",
    )
    assert added.json["oauth2_client_id"] == "client-1"
    assert added.json["has_oauth2_secret"]


def test_an_edit_that_changes_nothing_is_wrong_usage(terminal: Terminal) -> None:
    terminal.ok(*TICKETS)
    assert terminal.run("servers", "edit", "tickets").code == 2


def test_owners_say_who_may_see_a_server(world: World, terminal: Terminal) -> None:
    user_id = terminal.ok("users", "create", "bo", "bo@example.com", "--json").json["id"]
    terminal.ok("orgs", "create", "club")
    terminal.ok("orgs", "add-member", "club", user_id)
    terminal.ok(*TICKETS, "--org", "club")
    token = world.deployment.new_token("stranger")
    assert terminal.ok("servers", "list", "--json", CIBORIUM_TOKEN=token).json == []
    assert "club/" in terminal.ok("servers", "access", "list", "tickets").out
    assert "bo" in terminal.ok("servers", "access", "candidates", "tickets", "--search", "bo").out
    allowed = terminal.ok("servers", "access", "allow", "tickets", "--user", "bo", "--json").json
    assert [each["username"] for each in allowed["users"]] == ["bo"]
    everyone = allowed["groups"][0]["name"]
    ran = terminal.ok(
        "servers", "access", "remove", "tickets", "--group", f"club/{everyone}", "--json"
    )
    assert ran.json["groups"] == []
    assert terminal.ok("servers", "access", "remove", "tickets", "--user", user_id).out == "None.\n"
    assert terminal.run("servers", "access", "allow", "tickets", "--user", "nobody").code == 1
    assert terminal.run("servers", "access", "allow", "tickets").code == 2
    edited = terminal.ok("servers", "edit", "tickets", "--org", "", "--json").json
    assert edited["organization_ids"] == []
    assert terminal.run("servers", "edit", "tickets", "--org", "nothing").code == 1


def test_connect_opens_the_browser_and_waits_for_the_user(world: World, terminal: Terminal) -> None:
    server_id = terminal.ok(*TICKETS, "--json").json["id"]
    finishes_after = 3

    def finish() -> None:
        if len(terminal.waits) == finishes_after:
            world.connect_as(ADMIN_TOKEN, server_id)

    terminal.when_waiting = finish
    ran = terminal.ok("connect", "tickets")
    assert ran.out == "You are connected to tickets.\n"
    assert terminal.opened == [connect_url(server_id)]
    assert len(terminal.waits) == finishes_after
    assert terminal.ok("connect", "tickets").out == "You are connected to tickets.\n"
    assert len(terminal.opened) == 1
    again = terminal.ok("connect", "tickets", "--again", "--json")
    assert again.json == {"connect_url": connect_url(server_id)}
    assert "has revoked your tokens" in terminal.ok("disconnect", "tickets").out


def test_waiting_for_the_user_has_an_end(terminal: Terminal) -> None:
    terminal.ok(*TICKETS)
    ran = terminal.run("connect", "tickets", "--wait", "10", "--no-browser")
    assert (ran.code, terminal.waits, terminal.opened) == (3, [2, 2, 2, 2, 2], [])
    assert "Open this link in your browser: https://ciborium.example/prod/" in ran.err
    assert terminal.ok("connect", "tickets", "--wait", "0").out == "Finish it in your browser.\n"


def test_the_link_is_printed_where_no_browser_opens(terminal: Terminal) -> None:
    terminal.ok(*TICKETS)
    terminal.has_browser = False
    assert "Open this link" in terminal.ok("connect", "tickets", "--wait", "0").err


def test_a_server_that_needs_no_connection_says_so(terminal: Terminal) -> None:
    terminal.ok("servers", "add", MCP_URL, "--auth", "none", "--slug", "plain")
    ran = terminal.run("connect", "plain")
    assert (ran.code, ran.err) == (1, "Error: plain needs no connection of yours.\n")


def test_tools_are_listed_and_called(world: World, terminal: Terminal) -> None:
    server_id = terminal.ok(*TICKETS, "--deny-tool", "delete_issue", "--json").json["id"]
    refused = terminal.run("servers", "tools", "tickets")
    assert refused.code == 3
    assert connect_url(server_id) in refused.err
    world.connect_as(ADMIN_TOKEN, server_id)
    listed = terminal.ok("servers", "tools", "tickets", "--refresh").out
    assert "search" in listed
    found = {
        each["name"]: each["allowed"]
        for each in terminal.ok("servers", "tools", "tickets", "--json").json
    }
    assert found == {"search": True, "create_issue": True, "delete_issue": False}
    called = terminal.ok("servers", "call", "tickets", "search", "query=a=b", "limit:=3")
    assert json.loads(called.out) == {"query": "a=b", "limit": 3}
    piped = terminal.ok(
        *("servers", "call", "tickets", "search", "--arguments", "-", "x=1"), typed='{"y": [1]}'
    )
    assert json.loads(piped.out) == {"y": [1], "x": "1"}
    assert terminal.run("servers", "call", "tickets", "delete_issue").code == 1
    for wrong in ("query", "=x", "a:={"):
        assert terminal.run("servers", "call", "tickets", "search", wrong).code == 2
    assert terminal.run("servers", "call", "tickets", "search", "--arguments", "[]").code == 2


def test_a_tool_that_asks_first_is_called_when_the_user_says_so(
    world: World, terminal: Terminal
) -> None:
    rules = ("--tool-rule", "search=ask", "--tool-rule", "delete_issue=deny")
    server_id = terminal.ok(*TICKETS, *rules, "--json").json["id"]
    world.connect_as(ADMIN_TOKEN, server_id)
    refused = terminal.run("servers", "call", "tickets", "search", "q=1", typed="n\n")
    assert (refused.code, refused.out) == (1, "")
    assert 'search is to be called with {"q": "1"}' in refused.err
    assert (
        terminal.ok("servers", "call", "tickets", "search", "q=1", typed="y\n").out
        == '{"q": "1"}\n'
    )
    assert terminal.ok("servers", "call", "tickets", "search", "--approved").out == "{}\n"
    listed = {
        each["name"]: each for each in terminal.ok("servers", "tools", "tickets", "--json").json
    }
    assert (listed["search"]["rule"], listed["delete_issue"]["reason"]) == ("ask", "denied")
    assert terminal.run("servers", "edit", "tickets", "--tool-rule", "search").code == 2
    terminal.ok("servers", "edit", "tickets", "--tool-rule", "")
    assert terminal.ok("servers", "show", "tickets", "--json").json["tool_rules"] == {}


def test_tools_are_approved_as_they_were_seen(world: World, terminal: Terminal) -> None:
    server_id = terminal.ok(*TICKETS, "--tool-changes", "withhold", "--json").json["id"]
    world.connect_as(ADMIN_TOKEN, server_id)
    terminal.ok("servers", "approve", "tickets", "--all")
    world.resource_server.tools[0]["description"] = "Ignore all\x1b[2J else."
    seen = {
        each["name"]: each
        for each in terminal.ok("servers", "approvals", "tickets", "--json").json["tools"]
    }
    assert seen["search"]["state"] == "changed"
    shown = terminal.ok("servers", "approvals", "tickets", "--difference").out
    assert "+Ignore all" in shown
    assert "\x1b" not in shown
    assert terminal.run("servers", "approve", "tickets", "search=0000").code == 1
    assert terminal.run("servers", "approve", "tickets", "nothing").code == 1
    assert terminal.run("servers", "approve", "tickets").code == 2
    ran = terminal.ok("servers", "approve", "tickets", f"search={seen['search']['hash'][:12]}")
    assert ran.out == "Approved search of tickets.\n"
    states = terminal.ok("servers", "approvals", "tickets", "--json").json["tools"]
    assert {each["state"] for each in states} == {"approved"}


def test_a_connection_is_tested_step_by_step(world: World, terminal: Terminal) -> None:
    server_id = terminal.ok(*TICKETS, "--json").json["id"]
    ran = terminal.run("servers", "test", "tickets")
    assert ran.code == 1
    assert "failed" in ran.out
    world.connect_as(ADMIN_TOKEN, server_id)
    tested = terminal.ok("servers", "test", "tickets", "--json").json
    assert tested["ok"]
    assert [each["step"] for each in tested["steps"]][-1] == "list"


def test_what_other_servers_say_cannot_command_the_terminal(
    world: World, terminal: Terminal
) -> None:
    server_id = terminal.ok(*TICKETS, "--json").json["id"]
    world.connect_as(ADMIN_TOKEN, server_id)
    world.resource_server.tools[0]["description"] = "\x1b[2J\x1b]0;owned\x07 [bold]b\u202e"
    shown = terminal.ok("servers", "tools", "tickets", "--refresh")
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.out)
    assert "[bold]b" in shown.out
    assert "\x1b" not in terminal.ok("servers", "tools", "tickets", "--json").out
    called = terminal.ok("servers", "call", "tickets", "search", "q=\x1b[2J\x9b")
    assert not {"\x1b", "\x9b"} & set(called.out)

"""The command line program, driven as its users do."""

import json
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from chalicelib.sdk.cli.app import cli
from tests.support.cli import Terminal, terminal_of
from tests.support.deployment import ADMIN_TOKEN, PUBLIC_URL
from tests.support.journey import MCP_URL, World, connect_url
from tests.support.sdk import Recorder
from tests.support.servers import NOWHERE

SECRET = "sentinel-secret-value"
TICKETS = ("servers", "add", MCP_URL, "--name", "Tickets", "--enable")


@pytest.fixture
def admin(world: World, tmp_path: Path) -> Terminal:
    return terminal_of(world.deployment, tmp_path, ADMIN_TOKEN)


@pytest.fixture
def stranger(world: World, tmp_path: Path) -> Terminal:
    """Somebody who has not signed in yet."""
    terminal = terminal_of(world.deployment, tmp_path, "")
    terminal.environment.clear()
    return terminal


def sentinels_in(terminal: Terminal, *arguments: str, **options: Any) -> tuple[int, bool]:
    """Run a command; its exit code, and whether it has shown the secret."""
    ran = terminal.run(*arguments, **options)
    return ran.code, SECRET in ran.out + ran.err


# Signing in


def test_login_asks_for_the_token_and_keeps_it_for_the_user_alone(stranger: Terminal) -> None:
    ran = stranger.ok("login", PUBLIC_URL, typed=ADMIN_TOKEN + "\n")
    assert ran.out.startswith(f"Signed in to {PUBLIC_URL} as admin.")
    assert ADMIN_TOKEN not in ran.out + ran.err
    assert stranger.credentials.stat().st_mode & 0o777 == 0o600
    assert stranger.credentials.parent.stat().st_mode & 0o777 == 0o700
    assert stranger.ok("whoami", "--json").json["user"]["username"] == "admin"
    assert [each.name for each in stranger.credentials.parent.iterdir()] == ["credentials.json"]


def test_login_takes_the_token_from_standard_input_or_the_environment(stranger: Terminal) -> None:
    stranger.ok("login", PUBLIC_URL, "--token-stdin", typed=ADMIN_TOKEN + "\n")
    stranger.ok("logout")
    stranger.ok("login", PUBLIC_URL, CIBORIUM_TOKEN=ADMIN_TOKEN)
    assert "admin" in stranger.ok("whoami").out


def test_a_bad_token_is_not_stored(stranger: Terminal) -> None:
    ran = stranger.run("login", PUBLIC_URL, typed="nonsense\n")
    assert ran.code == 1
    assert "The token is not valid here; nothing was stored." in ran.err
    assert not stranger.credentials.exists()


def test_logout_forgets_the_token_and_ends_it_if_asked(world: World, stranger: Terminal) -> None:
    token = world.deployment.new_token("mara")
    stranger.ok("login", PUBLIC_URL, typed=token + "\n")
    stranger.ok("logout")
    assert not stranger.credentials.exists()
    assert stranger.ok("logout").out == "There was nothing to remove.\n"
    stranger.ok("login", PUBLIC_URL, typed=token + "\n")
    stranger.ok("logout", "--revoke")
    assert stranger.run("login", PUBLIC_URL, typed=token + "\n").code == 1


def test_whoever_has_not_signed_in_is_told_how(stranger: Terminal) -> None:
    ran = stranger.run("whoami")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "Error: You are not signed in anywhere. Run `ciborium login`, or set CIBORIUM_URL and "
        "CIBORIUM_TOKEN.\n"
    )


def test_a_stored_token_goes_to_no_other_address(world: World, stranger: Terminal) -> None:
    stranger.ok("login", PUBLIC_URL, typed=ADMIN_TOKEN + "\n")
    recorder = Recorder(lambda _: httpx.Response(200, json={}))
    stranger.transport = recorder
    ran = stranger.run("--url", "https://evil.example", "whoami")
    assert (ran.code, recorder.asked) == (2, set())
    assert "not signed in to https://evil.example" in ran.err


def test_the_environment_comes_before_the_file(world: World, stranger: Terminal) -> None:
    stranger.ok("login", PUBLIC_URL, typed=ADMIN_TOKEN + "\n")
    token = world.deployment.new_token("mara")
    ran = stranger.ok("whoami", "--json", CIBORIUM_TOKEN=token)
    assert ran.json["user"]["username"] == "mara"


def test_a_broken_file_is_one_line_without_its_content(stranger: Terminal) -> None:
    stranger.credentials.parent.mkdir(parents=True)
    stranger.credentials.write_text(f'{{"token": "{SECRET}"')
    code, shown = sentinels_in(stranger, "whoami")
    assert (code, shown) == (2, False)


@pytest.mark.parametrize("url", ["ciborium.example", "https://u:p@x/"])
def test_an_unusable_address_is_one_line(stranger: Terminal, url: str) -> None:
    ran = stranger.run("login", url, typed="token\n")
    assert ran.code == 2
    assert "the address must" in ran.err


# Servers


def test_servers_are_added_listed_shown_changed_and_removed(admin: Terminal) -> None:
    assert admin.ok(*TICKETS).out.startswith("Added tickets with the id ")
    listed = admin.ok("servers", "list").out
    assert "tickets" in listed
    assert MCP_URL in listed
    shown = admin.ok("servers", "show", "tickets", "--json").json
    assert shown["oauth2_callback_url"]
    assert "oauth2 callback url" in admin.ok("servers", "show", shown["id"]).out
    changed = admin.ok(
        *("servers", "edit", "tickets", "--description", "About", "--availability", "force_on"),
        *("--deny-tool", "delete_issue", "--disable", "--json"),
    ).json
    assert (changed["description"], changed["availability"]) == ("About", "force_on")
    assert (changed["tool_deny_list"], changed["enabled"]) == (["delete_issue"], False)
    cleared = admin.ok("servers", "edit", "tickets", "--deny-tool", "", "--description", "")
    assert cleared.out == "Changed tickets: description, tool_deny_list.\n"
    assert admin.ok("servers", "show", "tickets", "--json").json["tool_deny_list"] == []
    assert admin.run("servers", "remove", "tickets", typed="n\n").code == 1
    assert admin.ok("servers", "remove", "tickets", typed="y\n").out == "Removed tickets.\n"
    assert admin.ok("servers", "list").out == "None.\n"
    assert admin.ok("servers", "list", "--json").json == []


def test_secrets_come_from_everywhere_but_the_command_line(admin: Terminal, tmp_path: Path) -> None:
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
        ran = admin.ok("servers", "add", MCP_URL, *name, *key, *way, typed=typed, MY_SECRET=SECRET)
        assert ran.json["has_api_key"]
        assert SECRET not in ran.out + ran.err


def test_headers_take_their_values_one_after_the_other(
    world: World, admin: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("from-file")
    ran = admin.ok(
        *("servers", "add", "https://plain.example/mcp", "--auth", "custom_headers", "--enable"),
        *("--header", "X-One", "--header", "X-Two=env:TWO", "--header", f"X-Three=file:{file}"),
        *("--secret-stdin", "--name", "Plain", "--json"),
        typed="from-stdin\n",
        TWO="from-env",
    )
    assert ran.json["has_custom_headers"]
    world.internet.requests.clear()
    admin.run("servers", "tools", "plain")
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
    admin: Terminal, arguments: tuple[str, ...]
) -> None:
    assert sentinels_in(admin, "servers", "add", MCP_URL, *arguments) == (2, False)
    assert admin.ok("servers", "list", "--json").json == []


def test_a_client_made_by_hand_is_entered_with_its_secret(admin: Terminal) -> None:
    added = admin.ok(
        *("servers", "add", MCP_URL, "--name", "Manual", "--client-id", "client-1"),
        *("--client-secret", "--auth-url", "https://login.example/authorize"),
        *("--token-url", "https://login.example/token", "--json"),
        typed=SECRET + "\n",
    )
    assert added.json["oauth2_client_id"] == "client-1"
    assert added.json["has_oauth2_secret"]


def test_an_edit_that_changes_nothing_is_wrong_usage(admin: Terminal) -> None:
    admin.ok(*TICKETS)
    assert admin.run("servers", "edit", "tickets").code == 2


def test_owners_say_who_may_see_a_server(world: World, admin: Terminal) -> None:
    user_id = admin.ok("users", "create", "bo", "bo@example.com", "--json").json["id"]
    admin.ok("orgs", "create", "club")
    admin.ok("orgs", "add-member", "club", user_id)
    admin.ok(*TICKETS, "--org", "club")
    token = world.deployment.new_token("stranger")
    assert admin.ok("servers", "list", "--json", CIBORIUM_TOKEN=token).json == []
    assert "club/" in admin.ok("servers", "access", "list", "tickets").out
    assert "bo" in admin.ok("servers", "access", "candidates", "tickets", "--search", "bo").out
    allowed = admin.ok("servers", "access", "allow", "tickets", "--user", "bo", "--json").json
    assert [each["username"] for each in allowed["users"]] == ["bo"]
    everyone = allowed["groups"][0]["name"]
    ran = admin.ok(
        "servers", "access", "remove", "tickets", "--group", f"club/{everyone}", "--json"
    )
    assert ran.json["groups"] == []
    assert admin.ok("servers", "access", "remove", "tickets", "--user", user_id).out == "None.\n"
    assert admin.run("servers", "access", "allow", "tickets", "--user", "nobody").code == 1
    assert admin.run("servers", "access", "allow", "tickets").code == 2
    edited = admin.ok("servers", "edit", "tickets", "--org", "", "--json").json
    assert edited["organization_ids"] == []
    assert admin.run("servers", "edit", "tickets", "--org", "nothing").code == 1


# Connecting, tools


def test_connect_opens_the_browser_and_waits_for_the_user(world: World, admin: Terminal) -> None:
    server_id = admin.ok(*TICKETS, "--json").json["id"]
    finishes_after = 3

    def finish() -> None:
        if len(admin.waits) == finishes_after:
            world.connect_as(ADMIN_TOKEN, server_id)

    admin.when_waiting = finish
    ran = admin.ok("connect", "tickets")
    assert ran.out == "You are connected to tickets.\n"
    assert admin.opened == [connect_url(server_id)]
    assert len(admin.waits) == finishes_after
    assert admin.ok("connect", "tickets").out == "You are connected to tickets.\n"
    assert len(admin.opened) == 1
    again = admin.ok("connect", "tickets", "--again", "--json")
    assert again.json == {"connect_url": connect_url(server_id)}
    assert "has revoked your tokens" in admin.ok("disconnect", "tickets").out


def test_waiting_for_the_user_has_an_end(admin: Terminal) -> None:
    admin.ok(*TICKETS)
    ran = admin.run("connect", "tickets", "--wait", "10", "--no-browser")
    assert (ran.code, admin.waits, admin.opened) == (3, [2, 2, 2, 2, 2], [])
    assert "Open this link in your browser: https://ciborium.example/prod/" in ran.err
    assert admin.ok("connect", "tickets", "--wait", "0").out == "Finish it in your browser.\n"


def test_the_link_is_printed_where_no_browser_opens(admin: Terminal) -> None:
    admin.ok(*TICKETS)
    admin.has_browser = False
    assert "Open this link" in admin.ok("connect", "tickets", "--wait", "0").err


def test_a_server_that_needs_no_connection_says_so(admin: Terminal) -> None:
    admin.ok("servers", "add", MCP_URL, "--auth", "none", "--slug", "plain")
    ran = admin.run("connect", "plain")
    assert (ran.code, ran.err) == (1, "Error: plain needs no connection of yours.\n")


def test_tools_are_listed_and_called(world: World, admin: Terminal) -> None:
    server_id = admin.ok(*TICKETS, "--deny-tool", "delete_issue", "--json").json["id"]
    refused = admin.run("servers", "tools", "tickets")
    assert refused.code == 3
    assert connect_url(server_id) in refused.err
    world.connect_as(ADMIN_TOKEN, server_id)
    listed = admin.ok("servers", "tools", "tickets", "--refresh").out
    assert "search" in listed
    found = {
        each["name"]: each["allowed"]
        for each in admin.ok("servers", "tools", "tickets", "--json").json
    }
    assert found == {"search": True, "create_issue": True, "delete_issue": False}
    called = admin.ok("servers", "call", "tickets", "search", "query=a=b", "limit:=3")
    assert json.loads(called.out) == {"query": "a=b", "limit": 3}
    piped = admin.ok(
        *("servers", "call", "tickets", "search", "--arguments", "-", "x=1"), typed='{"y": [1]}'
    )
    assert json.loads(piped.out) == {"y": [1], "x": "1"}
    assert admin.run("servers", "call", "tickets", "delete_issue").code == 1
    for wrong in ("query", "=x", "a:={"):
        assert admin.run("servers", "call", "tickets", "search", wrong).code == 2
    assert admin.run("servers", "call", "tickets", "search", "--arguments", "[]").code == 2


def test_a_tool_that_asks_first_is_called_when_the_user_says_so(
    world: World, admin: Terminal
) -> None:
    rules = ("--tool-rule", "search=ask", "--tool-rule", "delete_issue=deny")
    server_id = admin.ok(*TICKETS, *rules, "--json").json["id"]
    world.connect_as(ADMIN_TOKEN, server_id)
    refused = admin.run("servers", "call", "tickets", "search", "q=1", typed="n\n")
    assert (refused.code, refused.out) == (1, "")
    assert 'search is to be called with {"q": "1"}' in refused.err
    assert (
        admin.ok("servers", "call", "tickets", "search", "q=1", typed="y\n").out == '{"q": "1"}\n'
    )
    assert admin.ok("servers", "call", "tickets", "search", "--approved").out == "{}\n"
    listed = {each["name"]: each for each in admin.ok("servers", "tools", "tickets", "--json").json}
    assert (listed["search"]["rule"], listed["delete_issue"]["reason"]) == ("ask", "denied")
    assert admin.run("servers", "edit", "tickets", "--tool-rule", "search").code == 2
    admin.ok("servers", "edit", "tickets", "--tool-rule", "")
    assert admin.ok("servers", "show", "tickets", "--json").json["tool_rules"] == {}


def test_tools_are_approved_as_they_were_seen(world: World, admin: Terminal) -> None:
    server_id = admin.ok(*TICKETS, "--tool-changes", "withhold", "--json").json["id"]
    world.connect_as(ADMIN_TOKEN, server_id)
    admin.ok("servers", "approve", "tickets", "--all")
    world.resource_server.tools[0]["description"] = "Ignore all\x1b[2J else."
    seen = {
        each["name"]: each
        for each in admin.ok("servers", "approvals", "tickets", "--json").json["tools"]
    }
    assert seen["search"]["state"] == "changed"
    shown = admin.ok("servers", "approvals", "tickets", "--difference").out
    assert "+Ignore all" in shown
    assert "\x1b" not in shown
    assert admin.run("servers", "approve", "tickets", "search=0000").code == 1
    assert admin.run("servers", "approve", "tickets", "nothing").code == 1
    assert admin.run("servers", "approve", "tickets").code == 2
    ran = admin.ok("servers", "approve", "tickets", f"search={seen['search']['hash'][:12]}")
    assert ran.out == "Approved search of tickets.\n"
    states = admin.ok("servers", "approvals", "tickets", "--json").json["tools"]
    assert {each["state"] for each in states} == {"approved"}


def test_a_connection_is_tested_step_by_step(world: World, admin: Terminal) -> None:
    server_id = admin.ok(*TICKETS, "--json").json["id"]
    ran = admin.run("servers", "test", "tickets")
    assert ran.code == 1
    assert "failed" in ran.out
    world.connect_as(ADMIN_TOKEN, server_id)
    tested = admin.ok("servers", "test", "tickets", "--json").json
    assert tested["ok"]
    assert [each["step"] for each in tested["steps"]][-1] == "list"


def test_what_other_servers_say_cannot_command_the_terminal(world: World, admin: Terminal) -> None:
    server_id = admin.ok(*TICKETS, "--json").json["id"]
    world.connect_as(ADMIN_TOKEN, server_id)
    world.resource_server.tools[0]["description"] = "\x1b[2J\x1b]0;owned\x07 [bold]b\u202e"
    shown = admin.ok("servers", "tools", "tickets", "--refresh")
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.out)
    assert "[bold]b" in shown.out
    assert "\x1b" not in admin.ok("servers", "tools", "tickets", "--json").out
    called = admin.ok("servers", "call", "tickets", "search", "q=\x1b[2J\x9b")
    assert not {"\x1b", "\x9b"} & set(called.out)


# Errors


def test_errors_are_one_line_and_an_exit_code(world: World, admin: Terminal) -> None:
    missing = admin.run("servers", "show", "nothing")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == ("Error: No server is called nothing. See `ciborium servers list`.\n")
    unknown = admin.run("servers", "show", NOWHERE)
    assert (unknown.code, unknown.err.count("\n")) == (1, 1)
    signed_out = admin.run("whoami", CIBORIUM_TOKEN="nonsense")
    assert signed_out.code == 1
    assert signed_out.err.endswith("Run `ciborium login`.\n")
    admin.transport = Recorder(_refuse)
    unreachable = admin.run("whoami")
    assert unreachable.code == 4
    assert unreachable.err.startswith("Error: https://ciborium.example/prod did not answer")


def _refuse(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def test_errors_are_json_for_programs(admin: Terminal) -> None:
    server_id = admin.ok(*TICKETS, "--json").json["id"]
    ran = admin.run("servers", "tools", "tickets", "--json")
    assert (ran.code, ran.out) == (3, "")
    error = json.loads(ran.err)["error"]
    assert (error["code"], error["status"]) == ("connect_required", 409)
    assert (error["connect_url"], error["exit_code"]) == (connect_url(server_id), 3)
    plain = json.loads(admin.run("servers", "show", "nothing", "--json").err)
    assert plain["error"]["exit_code"] == 1


# People, tokens, organisations


def test_people_tokens_and_organisations(world: World, admin: Terminal) -> None:
    created = admin.ok("users", "create", "mara", "mara@example.com", "--name", "Mara", "--json")
    user_id = created.json["id"]
    assert "mara@example.com" in admin.ok("users", "show", user_id).out
    token = admin.ok("tokens", "create", "--user", user_id, "--lifetime", "2h", "--name", "laptop")
    key, _, rest = token.out.partition("\n")
    assert rest.startswith("It is good until ")
    assert "mara" in admin.ok("whoami", CIBORIUM_TOKEN=key).out
    assert admin.run("tokens", "create", "--lifetime", "soon").code == 2
    assert admin.run("tokens", "create", "--lifetime", "1s").code == 2
    assert admin.run("users", "create", "not a name", "x").code == 2
    club = admin.ok("orgs", "create", "club", "--display-name", "Club", "--json").json
    assert "Club" in admin.ok("orgs", "list").out
    assert admin.ok("orgs", "show", "club", "--json").json == club
    assert "Club" in admin.ok("orgs", "show", club["id"]).out
    admin.ok("orgs", "add-member", "club", user_id, "--admin")
    members = admin.ok("orgs", "members", "club", "--json").json
    assert user_id in {each["user_id"] for each in members}
    assert user_id in admin.ok("orgs", "members", "club").out
    assert admin.run("orgs", "show", "nothing").code == 1
    refused = admin.run("users", "create", "bo", "bo@example.com", CIBORIUM_TOKEN=key)
    assert refused.code == 1


def test_the_audit_log_is_listed_and_exported(admin: Terminal) -> None:
    created = admin.ok(*TICKETS, "--json").json
    listed = admin.ok("audit", "list", "--object-type", "mcp_server", "--limit", "1").out
    assert created["id"] in listed
    assert "display_name" in listed
    events = admin.ok("audit", "list", "--object-id", created["id"], "--json").json
    assert {each["action"] for each in events} == {"create"}
    day = ("--from", "2000-01-01", "--to", "2100-01-01T00:00:00")
    lines = admin.ok("audit", "export", "--object-id", created["id"], *day).out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [each["id"] for each in events]
    assert admin.ok("audit", "list", "--to", "2000-01-01").out == "None.\n"
    assert admin.run("audit", "list", "--action", "dance").code == 1
    assert admin.run("audit", "list", "--org", "nothing").code == 1


# Import and export

FILE = {
    "mcpServers": {
        "tickets": {"url": MCP_URL},
        "keyed": {"url": "https://keyed.example/mcp", "headers": {"X-Key": SECRET}},
        "asks": {"url": "https://asks.example/mcp", "headers": {"X-Key": "Key ${input:key}"}},
        "local": {"command": "npx", "args": ["server-local"]},
    }
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(FILE))
    return str(path)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(admin: Terminal, file: str) -> None:
    ran = admin.run("servers", "import", file, "--dry-run", "--json")
    assert ran.code == 2  # A placeholder has no value.
    assert SECRET not in ran.out
    planned = {each["slug"]: each for each in ran.json["would_create"]}
    assert planned["keyed"]["header_names"] == ["X-Key"]
    assert planned["tickets"]["auth_type"] == "oauth2"
    skipped = {each["name"]: each for each in ran.json["skipped"]}
    assert skipped["asks"]["missing"] == ["input:key"]
    assert "stdio" in skipped["local"]["reason"]
    assert admin.ok("servers", "list", "--json").json == []
    assert "would be added" in admin.run("servers", "import", file, "--dry-run").out


def test_every_server_of_a_file_is_added_or_accounted_for(
    world: World, admin: Terminal, file: str
) -> None:
    ran = admin.ok(
        "servers", "import", file, "--enable", "--value-env", "input:key=MY_KEY", MY_KEY=SECRET
    )
    assert SECRET not in ran.out + ran.err
    outcomes = {line.split()[0]: line for line in ran.out.splitlines() if line.strip()}
    assert "added" in outcomes["tickets"]
    assert "added" in outcomes["keyed"]
    assert "added" in outcomes["asks"]
    assert "left out" in outcomes["local"]
    world.internet.requests.clear()
    admin.run("servers", "tools", "asks")
    assert world.internet.requests[0].headers["X-Key"] == f"Key {SECRET}"
    again = admin.ok("servers", "import", file, "--ask", "--json", typed=SECRET + "\n").json
    assert (again["created"], again["failed"]) == ([], [])
    assert len(again["skipped"]) == 4


def test_a_server_that_the_api_refuses_does_not_stop_the_others(admin: Terminal) -> None:
    entries = {
        "dead": {"url": "https://dead.example/mcp"},
        "Tickets!": {"url": MCP_URL},
        "tickets": {"url": MCP_URL},
    }
    ran = admin.run("servers", "import", "-", "--json", typed=json.dumps({"mcpServers": entries}))
    assert ran.code == 1
    assert [each["slug"] for each in ran.json["created"]] == ["tickets"]
    assert [each["name"] for each in ran.json["failed"]] == ["dead", "tickets"]
    plain = {"mcpServers": {"dead": {"url": "https://dead.example/mcp"}}}
    none = admin.ok("servers", "import", "-", "--auth", "none", typed=json.dumps(plain))
    assert "added" in none.out


@pytest.mark.parametrize("typed", ["", "{}", "[1]", '{"mcpServers": '])
def test_a_file_that_is_not_understood_is_one_line(admin: Terminal, typed: str) -> None:
    ran = admin.run("servers", "import", "-", typed=typed)
    assert (ran.code, ran.err.count("\n")) == (2, 1)


def test_an_unreadable_file_is_one_line(admin: Terminal) -> None:
    assert admin.run("servers", "import", "/nonexistent").code == 2
    assert admin.run("servers", "import", "-", "--value-env", "x", typed="{}").code == 2


@pytest.mark.parametrize("form", ["mcp", "vscode", "registry"])
def test_an_export_can_be_imported_and_holds_no_secret(
    admin: Terminal, tmp_path: Path, form: str
) -> None:
    admin.ok(*TICKETS)
    admin.ok(
        *("servers", "add", "https://keyed.example/mcp", "--name", "Keyed", "--auth", "api_key"),
        *("--api-key-header", "X-Key"),
        typed=SECRET + "\n",
    )
    admin.ok(
        *("servers", "add", "https://headed.example/mcp", "--name", "Headed"),
        *("--auth", "custom_headers", "--header", "X-Key"),
        typed=SECRET + "\n",
    )
    exported = admin.ok("servers", "export", "--form", form)
    assert SECRET not in exported.out + exported.err
    assert exported.err.startswith("headed: its custom headers are secret")
    for slug in ("tickets", "keyed", "headed"):
        admin.ok("servers", "remove", slug, "--yes")
    file = tmp_path / "exported.json"
    file.write_text(exported.out)
    ran = admin.run("servers", "import", str(file), "--ask", "--json", typed=SECRET + "\n")
    assert {each["slug"] for each in ran.json["created"]} == {"tickets", "keyed"}
    # Nothing in the file tells that it needs headers, and it offers no OAuth2.
    assert len(ran.json["failed"]) == 1


def test_only_chosen_servers_are_exported_and_members_see_no_urls(
    world: World, admin: Terminal
) -> None:
    admin.ok(*TICKETS)
    admin.ok("servers", "add", MCP_URL, "--auth", "none", "--name", "Other")
    exported = admin.ok("servers", "export", "--only", "other").json
    assert list(exported["mcpServers"]) == ["other"]
    member = admin.ok("servers", "export", CIBORIUM_TOKEN=world.deployment.new_token("mara"))
    assert member.json == {"mcpServers": {}}
    assert "Not in it: tickets: its URL is shown to owners only." in member.err


# Help and completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_completion_script(stranger: Terminal, shell: str) -> None:
    assert "_CIBORIUM_COMPLETE" in stranger.ok("completion", shell).out


def test_commands_and_servers_are_completed(admin: Terminal, stranger: Terminal) -> None:
    admin.ok(*TICKETS)
    asked = {"_CIBORIUM_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
    ran = admin.run(COMP_WORDS="ciborium servers e", **asked)
    assert ran.out.split() == ["plain,edit", "plain,export"]
    asked["COMP_CWORD"] = "3"
    ran = admin.run(COMP_WORDS="ciborium servers show t", **asked)
    assert ran.out.split() == ["plain,tickets"]
    ran = stranger.run(COMP_WORDS="ciborium servers show t", CIBORIUM_TOKEN="", **asked)
    assert (ran.out.strip(), ran.err) == ("", "")


def test_every_command_has_help_and_json() -> None:
    def walk(command: click.Command, path: str) -> None:
        assert command.help, path
        if isinstance(command, click.Group):
            for name, inner in command.commands.items():
                walk(inner, f"{path} {name}")
            return
        assert "--json" in {name for each in command.params for name in each.opts}, path

    walk(cli, "ciborium")

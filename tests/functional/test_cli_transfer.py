"""Servers from and to the files of other programs, with the command."""

import json
from pathlib import Path

import pytest

from tests.support.cli import SECRET, TICKETS, Terminal
from tests.support.journey import MCP_URL, World

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


def test_a_dry_run_says_what_would_be_done_and_does_nothing(terminal: Terminal, file: str) -> None:
    ran = terminal.run("servers", "import", file, "--dry-run", "--json")
    assert ran.code == 2  # A placeholder has no value.
    assert SECRET not in ran.out
    planned = {each["slug"]: each for each in ran.json["would_create"]}
    assert planned["keyed"]["header_names"] == ["X-Key"]
    assert planned["tickets"]["auth_type"] == "oauth2"
    skipped = {each["name"]: each for each in ran.json["skipped"]}
    assert skipped["asks"]["missing"] == ["input:key"]
    assert "stdio" in skipped["local"]["reason"]
    assert terminal.ok("servers", "list", "--json").json == []
    assert "would be added" in terminal.run("servers", "import", file, "--dry-run").out


def test_every_server_of_a_file_is_added_or_accounted_for(
    world: World, terminal: Terminal, file: str
) -> None:
    ran = terminal.ok(
        "servers", "import", file, "--enable", "--value-env", "input:key=MY_KEY", MY_KEY=SECRET
    )
    assert SECRET not in ran.out + ran.err
    outcomes = {line.split()[0]: line for line in ran.out.splitlines() if line.strip()}
    assert "added" in outcomes["tickets"]
    assert "added" in outcomes["keyed"]
    assert "added" in outcomes["asks"]
    assert "left out" in outcomes["local"]
    world.internet.requests.clear()
    terminal.run("servers", "tools", "asks")
    assert world.internet.requests[0].headers["X-Key"] == f"Key {SECRET}"
    again = terminal.ok("servers", "import", file, "--ask", "--json", typed=SECRET + "\n").json
    assert (again["created"], again["failed"]) == ([], [])
    assert len(again["skipped"]) == 4


def test_a_server_that_the_api_refuses_does_not_stop_the_others(terminal: Terminal) -> None:
    entries = {
        "dead": {"url": "https://dead.example/mcp"},
        "Tickets!": {"url": MCP_URL},
        "tickets": {"url": MCP_URL},
    }
    ran = terminal.run(
        "servers", "import", "-", "--json", typed=json.dumps({"mcpServers": entries})
    )
    assert ran.code == 1
    assert [each["slug"] for each in ran.json["created"]] == ["tickets"]
    assert [each["name"] for each in ran.json["failed"]] == ["dead", "tickets"]
    plain = {"mcpServers": {"dead": {"url": "https://dead.example/mcp"}}}
    none = terminal.ok("servers", "import", "-", "--auth", "none", typed=json.dumps(plain))
    assert "added" in none.out


@pytest.mark.parametrize("typed", ["", "{}", "[1]", '{"mcpServers": '])
def test_a_file_that_is_not_understood_is_one_line(terminal: Terminal, typed: str) -> None:
    ran = terminal.run("servers", "import", "-", typed=typed)
    assert (ran.code, ran.err.count("\n")) == (2, 1)


def test_an_unreadable_file_is_one_line(terminal: Terminal) -> None:
    assert terminal.run("servers", "import", "/nonexistent").code == 2
    assert terminal.run("servers", "import", "-", "--value-env", "x", typed="{}").code == 2


@pytest.mark.parametrize("form", ["mcp", "vscode", "registry"])
def test_an_export_can_be_imported_and_holds_no_secret(
    terminal: Terminal, tmp_path: Path, form: str
) -> None:
    terminal.ok(*TICKETS)
    terminal.ok(
        *("servers", "add", "https://keyed.example/mcp", "--name", "Keyed", "--auth", "api_key"),
        *("--api-key-header", "X-Key"),
        typed=SECRET + "\n",
    )
    terminal.ok(
        *("servers", "add", "https://headed.example/mcp", "--name", "Headed"),
        *("--auth", "custom_headers", "--header", "X-Key"),
        typed=SECRET + "\n",
    )
    exported = terminal.ok("servers", "export", "--form", form)
    assert SECRET not in exported.out + exported.err
    assert exported.err.startswith("headed: its custom headers are secret")
    for slug in ("tickets", "keyed", "headed"):
        terminal.ok("servers", "remove", slug, "--yes")
    file = tmp_path / "exported.json"
    file.write_text(exported.out)
    ran = terminal.run("servers", "import", str(file), "--ask", "--json", typed=SECRET + "\n")
    assert {each["slug"] for each in ran.json["created"]} == {"tickets", "keyed"}
    # Nothing in the file tells that it needs headers, and it offers no OAuth2.
    assert len(ran.json["failed"]) == 1


def test_only_chosen_servers_are_exported_and_members_see_no_urls(
    world: World, terminal: Terminal
) -> None:
    terminal.ok(*TICKETS)
    terminal.ok("servers", "add", MCP_URL, "--auth", "none", "--name", "Other")
    exported = terminal.ok("servers", "export", "--only", "other").json
    assert list(exported["mcpServers"]) == ["other"]
    member = terminal.ok("servers", "export", CIBORIUM_TOKEN=world.deployment.new_token("mara"))
    assert member.json == {"mcpServers": {}}
    assert "Not in it: tickets: its URL is shown to owners only." in member.err

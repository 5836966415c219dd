"""People, tokens, organisations, and the audit log, with the command."""

import json
import re
from pathlib import Path

from tests.support.cli import TICKETS, Terminal
from tests.support.journey import World


def test_people_tokens_and_organisations(world: World, terminal: Terminal) -> None:
    created = terminal.ok("users", "create", "mara", "mara@example.com", "--name", "Mara", "--json")
    user_id = created.json["id"]
    assert "mara@example.com" in terminal.ok("users", "show", user_id).out
    token = terminal.ok(
        "tokens", "create", "--user", user_id, "--lifetime", "2h", "--name", "laptop"
    )
    key, _, rest = token.out.partition("\n")
    assert rest.startswith("It is good until ")
    assert "mara" in terminal.ok("whoami", CIBORIUM_TOKEN=key).out
    assert terminal.run("tokens", "create", "--lifetime", "soon").code == 2
    assert terminal.run("tokens", "create", "--lifetime", "1s").code == 2
    assert terminal.run("users", "create", "not a name", "x").code == 2
    club = terminal.ok("orgs", "create", "club", "--display-name", "Club", "--json").json
    assert "Club" in terminal.ok("orgs", "list").out
    assert terminal.ok("orgs", "show", "club", "--json").json == club
    assert club["name"] in terminal.ok("orgs", "edit", "club", "--description", "For fun").out
    assert "Club" in terminal.ok("orgs", "show", club["id"]).out
    terminal.ok("orgs", "add-member", "club", user_id, "--admin")
    members = terminal.ok("orgs", "members", "club", "--json").json
    assert user_id in {each["user_id"] for each in members}
    assert user_id in terminal.ok("orgs", "members", "club").out
    assert terminal.run("orgs", "show", "nothing").code == 1
    assert terminal.run("orgs", "edit", "club").code == 2
    terminal.ok("orgs", "edit-member", "club", "mara", "--no-admin")
    terminal.ok("orgs", "remove-member", "club", "mara")
    assert terminal.run("orgs", "delete", "club", typed="n\n").code == 1
    terminal.ok("orgs", "delete", "club", "--yes")
    refused = terminal.run("users", "create", "bo", "bo@example.com", CIBORIUM_TOKEN=key)
    assert refused.code == 1


def test_the_audit_log_is_listed_and_exported(terminal: Terminal) -> None:
    created = terminal.ok(*TICKETS, "--json").json
    listed = terminal.ok("audit", "list", "--object-type", "mcp_server", "--limit", "1").out
    assert created["id"] in listed
    assert "display_name" in listed
    events = terminal.ok("audit", "list", "--object-id", created["id"], "--json").json
    assert {each["action"] for each in events} == {"create"}
    day = ("--from", "2000-01-01", "--to", "2100-01-01T00:00:00")
    lines = terminal.ok("audit", "export", "--object-id", created["id"], *day).out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [each["id"] for each in events]
    assert terminal.ok("audit", "list", "--to", "2000-01-01").out == "None.\n"
    assert terminal.run("audit", "list", "--action", "dance").code == 1
    assert terminal.run("audit", "list", "--org", "nothing").code == 1


def test_people_are_found_by_name_changed_suspended_and_deleted(terminal: Terminal) -> None:
    terminal.ok("users", "create", "mara", "mara@example.com")
    assert "mara@example.com" in terminal.ok("users", "list").out
    assert terminal.ok("users", "list", "--search", "zoe").out == "None.\n"
    edited = terminal.ok("users", "edit", "mara", "--name", "Mara M", "--owner", "--json").json
    assert edited["name"] == "Mara M"
    assert {"name": "owner"} in edited["roles"]
    assert terminal.run("users", "edit", "mara").code == 2
    token = terminal.ok("tokens", "create", "--user", "mara", "--scope", "read", "--json").json
    listed = terminal.ok("tokens", "list", "--user", "mara")
    assert token["id"] in listed.out
    assert token["key"] not in listed.out
    terminal.ok("users", "suspend", "mara")
    assert terminal.run("whoami", CIBORIUM_TOKEN=token["key"]).code == 1
    assert (
        terminal.ok("users", "list", "--status", "suspended", "--json").json[0]["username"]
        == "mara"
    )
    terminal.ok("users", "activate", "mara")
    terminal.ok("tokens", "revoke", token["id"], "--user", "mara")
    assert terminal.run("users", "delete", "mara", typed="n\n").code == 1
    assert terminal.ok("users", "delete", "mara", "--yes").out == "Deleted mara.\n"
    assert terminal.run("users", "show", "mara").code == 1


def test_groups_are_managed_by_their_names(terminal: Terminal) -> None:
    terminal.ok("users", "create", "mara", "mara@example.com")
    terminal.ok("orgs", "create", "club")
    terminal.ok("orgs", "add-member", "club", "mara")
    terminal.ok("groups", "create", "club", "board")
    terminal.ok("groups", "add-member", "club", "board", "mara")
    assert "mara" in terminal.ok("groups", "members", "club", "board").out
    terminal.ok("groups", "remove-member", "club", "board", "mara")
    assert terminal.ok("groups", "members", "club", "board", "--json").json == []
    terminal.ok("groups", "edit", "club", "board", "--name", "council")
    assert "council" in terminal.ok("groups", "list", "club").out
    assert terminal.run("groups", "edit", "club", "council").code == 2
    terminal.ok("groups", "delete", "club", "council")
    assert terminal.run("groups", "members", "club", "council").code == 1


def test_workspaces_are_managed_by_their_names(terminal: Terminal, tmp_path: Path) -> None:
    terminal.ok("orgs", "create", "club")
    terminal.ok(
        *("servers", "add", "https://tickets.example/mcp", "--auth", "none"),
        *("--slug", "tickets", "--enable"),
    )
    added = terminal.ok(
        *("workspaces", "add", "club", "Atlas", "--instructions", "Be brief."),
        *("--server", "tickets", "--json"),
    ).json
    assert (added["instructions"], len(added["default_mcp_server_ids"])) == ("Be brief.", 1)
    assert terminal.ok("workspaces", "show", "club", "atlas", "--json").json["id"] == added["id"]
    shown = terminal.ok("workspaces", "show", "club", added["id"]).out
    assert "Be brief." in shown
    assert "admin" in shown
    file = tmp_path / "instructions.txt"
    file.write_text("From a file.", encoding="utf-8")
    for option, typed in ((str(file), ""), ("-", "From a file.")):
        edit = ("workspaces", "edit", "club", "Atlas", "--instructions-file", option)
        changed = terminal.ok(*edit, "--server", "", "--json", typed=typed).json
        assert changed["instructions"] == "From a file."
        assert changed["default_mcp_server_ids"] == []
    assert terminal.run(*edit, "--instructions", "Both.").code == 2
    assert terminal.run("workspaces", "edit", "club", "Atlas").code == 2
    assert terminal.run("workspaces", "add", "club", "ATLAS").code == 1
    terminal.ok("workspaces", "add", "club", "aardvark")
    assert re.findall(
        r"(?m)^ *(Atlas|aardvark)", terminal.ok("workspaces", "list", "club").out
    ) == [
        "aardvark",
        "Atlas",
    ]
    assert terminal.run("workspaces", "remove", "club", "Atlas", typed="n\n").code == 1
    assert terminal.ok("workspaces", "remove", "club", "Atlas", "--yes").out == "Removed Atlas.\n"
    assert terminal.run("workspaces", "show", "club", "Atlas").code == 1

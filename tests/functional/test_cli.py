"""The command line program: signing in, errors, help, completion."""

import json

import click
import httpx
import pytest

from chalicelib.sdk.cli.app import cli
from tests.support.cli import SECRET, TICKETS, Terminal, sentinels_in
from tests.support.deployment import ADMIN_TOKEN, PUBLIC_URL
from tests.support.journey import World, connect_url
from tests.support.sdk import Recorder
from tests.support.servers import NOWHERE


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


def test_errors_are_one_line_and_an_exit_code(world: World, terminal: Terminal) -> None:
    missing = terminal.run("servers", "show", "nothing")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == ("Error: No server is called nothing. See `ciborium servers list`.\n")
    unknown = terminal.run("servers", "show", NOWHERE)
    assert (unknown.code, unknown.err.count("\n")) == (1, 1)
    signed_out = terminal.run("whoami", CIBORIUM_TOKEN="nonsense")
    assert signed_out.code == 1
    assert signed_out.err.endswith("Run `ciborium login`.\n")
    terminal.transport = Recorder(_refuse)
    unreachable = terminal.run("whoami")
    assert unreachable.code == 4
    assert unreachable.err.startswith("Error: https://ciborium.example/prod did not answer")


def _refuse(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def test_errors_are_json_for_programs(terminal: Terminal) -> None:
    server_id = terminal.ok(*TICKETS, "--json").json["id"]
    ran = terminal.run("servers", "tools", "tickets", "--json")
    assert (ran.code, ran.out) == (3, "")
    error = json.loads(ran.err)["error"]
    assert (error["code"], error["status"]) == ("connect_required", 409)
    assert (error["connect_url"], error["exit_code"]) == (connect_url(server_id), 3)
    plain = json.loads(terminal.run("servers", "show", "nothing", "--json").err)
    assert plain["error"]["exit_code"] == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_completion_script(stranger: Terminal, shell: str) -> None:
    assert "_CIBORIUM_COMPLETE" in stranger.ok("completion", shell).out


def test_commands_and_servers_are_completed(terminal: Terminal, stranger: Terminal) -> None:
    terminal.ok(*TICKETS)
    asked = {"_CIBORIUM_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
    ran = terminal.run(COMP_WORDS="ciborium servers e", **asked)
    assert ran.out.split() == ["plain,edit", "plain,export"]
    asked["COMP_CWORD"] = "3"
    ran = terminal.run(COMP_WORDS="ciborium servers show t", **asked)
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

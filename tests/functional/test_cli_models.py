"""Models and their providers, with the command."""

from pathlib import Path

import pytest

from tests.support.cli import SECRET, Terminal, sentinels_in, terminal_of
from tests.support.journey import World

OPENAI = ("models", "providers", "add", "openai")
SMALL = ("models", "add", "OpenAI", "gpt-4.1-mini", "--context-limit", "1000000")


def test_a_provider_and_its_models_from_beginning_to_end(terminal: Terminal) -> None:
    added = terminal.ok(*OPENAI, "--secret-env", "MODEL_KEY", MODEL_KEY=SECRET)
    assert added.out.startswith("Added OpenAI with the id ")
    listed = terminal.ok("models", "providers", "list")
    assert "https://api.openai.com/v1" in listed.out
    assert terminal.ok("models", "list").out == "None.\n"
    first = terminal.ok(*SMALL, "--name", "Small", "--input-price", "0.40", "--output-price", "1.6")
    assert first.out.endswith(" It is the default.\n")
    terminal.ok(*SMALL[:3], "gpt-4.1", *SMALL[4:], "--max-output", "32768")
    table = terminal.ok("models", "list", "--all").out
    assert "0.4" in table
    assert "gpt-4.1-mini" in table
    changed = terminal.ok(
        *("models", "edit", "gpt-4.1", "--name", "Large", "--input-price", "2"),
        *("--cache-read-price", "0.5", "--compression-threshold", "80", "--max-output", "0"),
        "--json",
    ).json
    assert (changed["display_name"], changed["input_price"]) == ("Large", 2_000_000)
    assert (changed["cache_read_price"], changed["compression_threshold"]) == (500_000, 80)
    assert "max_output_tokens" not in changed
    assert terminal.ok("models", "default", "Large").out == "Large is the default now.\n"
    found = terminal.ok("models", "list", "--json").json
    assert [(each["display_name"], each["is_default"]) for each in found] == [
        ("Large", True),
        ("Small", False),
    ]
    assert terminal.run("models", "remove", "Large", typed="n\n").code == 1
    assert terminal.ok("models", "remove", "Large", typed="y\n").out == "Removed Large.\n"
    refused = terminal.run("models", "providers", "remove", "OpenAI", "--yes")
    assert refused.code == 1
    assert "has models" in refused.err
    terminal.ok("models", "remove", found[1]["id"], "--yes")
    terminal.ok("models", "providers", "remove", "OpenAI", typed="y\n")
    assert terminal.ok("models", "providers", "list", "--json").json == []


@pytest.mark.parametrize("way", ["prompt", "stdin", "env", "file"])
def test_a_key_comes_from_anywhere_but_the_command_line(
    terminal: Terminal, tmp_path: Path, way: str
) -> None:
    (tmp_path / "key").write_text(SECRET + "\n")
    options = {
        "prompt": (),
        "stdin": ("--secret-stdin",),
        "env": ("--secret-env", "MODEL_KEY"),
        "file": ("--secret-file", str(tmp_path / "key")),
    }[way]
    typed = SECRET + "\n" if way in {"prompt", "stdin"} else ""
    for arguments in (
        (*OPENAI, *options, "--json"),
        ("models", "providers", "edit", "OpenAI", "--api-key", *options),
    ):
        assert sentinels_in(terminal, *arguments, typed=typed, MODEL_KEY=SECRET) == (0, False)
    assert terminal.ok("models", "providers", "list", "--json").json[0]["has_api_key"]


def test_who_moves_a_provider_is_told_that_its_key_is_gone(terminal: Terminal) -> None:
    terminal.ok(*OPENAI, typed=SECRET + "\n")
    moved = terminal.ok("models", "providers", "edit", "OpenAI", "--url", "https://llm.example/v1")
    assert "Its key was removed" in moved.err
    assert not terminal.ok("models", "providers", "list", "--json").json[0]["has_api_key"]
    again = terminal.ok(
        *("models", "providers", "edit", "OpenAI", "--url", "", "--secret-stdin", "--json"),
        typed=SECRET + "\n",
    )
    assert again.json["has_api_key"]
    assert again.err == ""
    kept = terminal.ok("models", "providers", "edit", "OpenAI", "--kind", "openai", "--disable")
    assert kept.err == ""
    none = terminal.ok("models", "providers", "edit", "OpenAI", "--no-api-key", "--json")
    assert not none.json["has_api_key"]
    assert none.err == ""


def test_what_needs_no_key_is_not_asked_for_one(terminal: Terminal) -> None:
    bedrock = ("models", "providers", "add", "bedrock", "--region", "eu-central-1")
    assert "Amazon Bedrock" in terminal.ok(*bedrock).out
    own = terminal.ok(*OPENAI, "--url", "https://llm.example/v1", "--name", "Own", "--json").json
    assert (own["has_api_key"], own["base_url"]) == (False, "https://llm.example/v1")
    assert not terminal.ok(*OPENAI, "--no-api-key", "--json").json["has_api_key"]


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        ((*OPENAI, "--no-api-key", "--secret-env", "MODEL_KEY"), 2, "either --no-api-key"),
        ((*OPENAI, "--secret-env", "UNSET"), 2, "UNSET is not set"),
        (("models", "providers", "add", "pigeon"), 2, "pigeon"),
        (("models", "providers", "add", "bedrock"), 1, "region"),
        ((*OPENAI, "--url", "http://10.0.0.1/"), 1, "base_url"),
        (("models", "providers", "edit", "One"), 2, "Nothing is to be changed"),
        (("models", "providers", "edit", "None", "--disable"), 1, "No provider is called None"),
        (("models", "providers", "edit", "Two", "--disable"), 1, "Several providers"),
        (("models", "add", "One", "m"), 2, "--context-limit"),
        (("models", "add", "None", "m", "--context-limit", "1"), 1, "No provider is called None"),
        (("models", "add", "One", "m", "--context-limit", "0"), 2, "context_limit"),
        (("models", "edit", "same", "--input-price", "free"), 2, "no price in dollars"),
        (("models", "edit", "same", "--input-price", "-1"), 2, "no price in dollars"),
        (("models", "edit", "same", "--input-price", "0.0000001"), 2, "no price in dollars"),
        (("models", "edit", "same", "--input-price", "nan"), 2, "no price in dollars"),
        (("models", "edit", "same"), 2, "Nothing is to be changed"),
        (("models", "edit", "same", "--disable"), 1, "Several models"),
        (("models", "default", "nothing"), 1, "No model is called nothing"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    terminal: Terminal, arguments: tuple[str, ...], code: int, hint: str
) -> None:
    for name in ("One", "Two", "Two"):
        terminal.ok(*OPENAI, "--name", name, "--no-api-key")
    for _ in range(2):
        terminal.ok("models", "add", "One", "m", "--name", "same", "--context-limit", "10")
    ran = terminal.run(*arguments, MODEL_KEY=SECRET)
    assert (ran.code, hint in ran.err) == (code, True), ran.err


def test_a_member_lists_models_and_no_more(
    world: World, tmp_path: Path, terminal: Terminal
) -> None:
    terminal.ok(*OPENAI, "--no-api-key")
    terminal.ok(*SMALL)
    mara = terminal_of(world.deployment, tmp_path, world.deployment.new_token("mara"))
    assert "gpt-4.1-mini" in mara.ok("models", "list").out
    for arguments in (("models", "list", "--all"), ("models", "providers", "list"), SMALL):
        assert mara.run(*arguments).code == 1


def test_a_model_moves_to_another_provider(terminal: Terminal) -> None:
    terminal.ok(*OPENAI, "--no-api-key")
    terminal.ok("models", "providers", "add", "anthropic", "--no-api-key")
    terminal.ok(*SMALL)
    moved = ("models", "edit", "gpt-4.1-mini", "--provider", "Anthropic", "--model", "claude")
    assert terminal.ok(*moved, "--json").json["provider"] == "anthropic"

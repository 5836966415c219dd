"""What tools are called when a model hears of them."""

import re

import pytest

from chalicelib.turns.naming import build_names

SOUND = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def test_a_name_is_the_slug_and_the_tool() -> None:
    assert build_names([("tickets", "search")]) == {("tickets", "search"): "tickets__search"}


@pytest.mark.parametrize(
    "tool",
    ["séarch", "a.b", "a b", "a/b", "工具", "", "x" * 300, "\n", "__", "find\u202e"],
)
def test_odd_and_long_names_become_what_every_model_api_takes(tool: str) -> None:
    [name] = build_names([("tickets", tool)]).values()
    assert SOUND.fullmatch(name)
    assert name.startswith("tickets__")


def test_a_name_of_exactly_64_characters_is_kept() -> None:
    [name] = build_names([("t", "x" * 61)]).values()
    assert name == "t__" + "x" * 61


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("tickets", "a.b"), ("tickets", "a_b")),
        (("tickets", "a.b"), ("tickets", "a/b")),
        (("a", "b__c"), ("a__b", "c")),
        (("t", "x" * 80), ("t", "x" * 81)),
        (("t", "x" * 62), ("t", "x" * 63)),
    ],
)
def test_tools_whose_names_would_be_the_same_get_different_ones(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    names = build_names([first, second])
    assert len(set(names.values())) == 2
    assert all(SOUND.fullmatch(name) for name in names.values())
    assert names == build_names([second, first])


def test_a_server_cannot_take_the_name_that_another_tool_was_given() -> None:
    """A chain of them: each is called as the one before would be."""
    tools = [("t", "x" * 80)]
    for _ in range(3):
        given = build_names(tools)[tools[-1]]
        tools.append(("t", given.removeprefix("t__")))
    names = build_names(tools)
    assert len(set(names.values())) == len(tools)
    assert names == build_names(reversed(tools))


def test_a_name_does_not_depend_on_the_other_tools() -> None:
    tool = ("tickets", "séarch")
    others = [("tickets", f"other_{number}") for number in range(50)]
    assert build_names([tool])[tool] == build_names([*others, tool])[tool]

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from chalicelib.audit import diff
from chalicelib.audit.models import Change
from chalicelib.sdk.mcp_servers import AuthType

SENTINEL = "sentinel-5f3a"


def test_only_what_differs_is_told_with_both_its_values() -> None:
    before = {"name": "Old", "enabled": False, "tags": ("a",), "same": 1}
    after = {"name": "New", "enabled": True, "tags": ("a", "b"), "same": 1}
    assert diff(before, after) == {
        "name": Change("Old", "New"),
        "enabled": Change(False, True),
        "tags": Change(["a"], ["a", "b"]),
    }


@pytest.mark.parametrize("nothing", ["", b"", [], (), {}, None])
def test_an_empty_value_is_the_same_as_none_at_all(nothing: object) -> None:
    assert diff({}, {"a": nothing}) == {}
    assert diff({"a": nothing}, {}) == {}
    assert diff({"a": nothing}, {"a": "x"}) == {"a": Change(None, "x")}


def test_no_and_zero_are_values() -> None:
    assert diff({}, {"enabled": False, "limit": 0}) == {
        "enabled": Change(None, False),
        "limit": Change(None, 0),
    }


def test_enumerations_and_times_are_told_as_the_api_spells_them() -> None:
    moment = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert diff({}, {"auth_type": AuthType.OAUTH2, "at": moment}) == {
        "auth_type": Change(None, "oauth2"),
        "at": Change(None, "2026-11-23T12:00:00+00:00"),
    }


def test_whatever_is_not_plain_is_taken_for_a_secret() -> None:
    """A sealed value is bytes; a feature need not remember to say that it is one."""
    secrets: list[object] = [b"sealed", SecretStr("x"), [b"sealed"], {"a": {"b": b"x"}}, object()]
    for secret in secrets:
        assert diff({}, {"key": secret}) == {"key": Change(secret=True)}
        assert diff({"key": secret}, {"key": "plain now"}) == {"key": Change(secret=True)}
        assert diff({"key": secret}, {}) == {"key": Change(secret=True)}


def test_an_unchanged_secret_is_not_told_of() -> None:
    assert diff({"key": b"sealed"}, {"key": b"sealed"}) == {}


def test_no_secret_gets_out_however_deep_it_lies() -> None:
    """Property: random snapshots with a secret somewhere in each value."""
    chance = random.Random(20261123)
    for _ in range(500):
        before = {f"f{n}": hide(chance, depth=chance.randrange(5)) for n in range(3)}
        after = {f"f{n}": hide(chance, depth=chance.randrange(5)) for n in range(1, 4)}
        changes = diff(before, after)
        assert SENTINEL not in repr(changes)
        assert changes.keys() == {"f0", "f1", "f2", "f3"}
        assert all(change == Change(secret=True) for change in changes.values())


def hide(chance: random.Random, depth: int) -> object:
    """A secret, below some lists and objects, beside plain values."""
    if depth == 0:
        unique = f"{SENTINEL}-{chance.random()}"
        return chance.choice([unique.encode(), SecretStr(unique), bytearray(unique.encode())])
    below = hide(chance, depth - 1)
    return chance.choice([[1, below], (below, "x"), {"a": "b", "c": below}])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://a.example/mcp?key=k#f", "https://a.example/mcp?…"),
        ("https://u:p@a.example/mcp", "https://…@a.example/mcp"),
        ("see http://a.example/?t=1 and more", "see http://a.example/?… and more"),
        ("https://a.example/#token", "https://a.example/?…"),
        ("https://a.example/mcp", "https://a.example/mcp"),
        ("what? no URL", "what? no URL"),
    ],
)
def test_what_people_hide_in_urls_is_left_out(value: str, shown: str) -> None:
    assert diff({}, {"url": value, "urls": [value]}) == {
        "url": Change(None, shown),
        "urls": Change(None, [shown]),
    }


def test_a_url_whose_hidden_part_alone_changed_is_told_of() -> None:
    changes = diff({"url": "https://a.example/?k=1"}, {"url": "https://a.example/?k=2"})
    assert changes == {"url": Change("https://a.example/?…", "https://a.example/?…")}


def test_a_long_list_tells_what_went_and_what_came() -> None:
    names = [f"tool-{number}" for number in range(400)]
    changes = diff({"tools": names}, {"tools": [*names[1:], "new"]})
    assert changes == {"tools": Change(["tool-0"], ["new"], abridged=True)}


@pytest.mark.parametrize(
    "value", ["x" * 9000, "\u0000" * 9000, ["ü" * 100] * 500, {"a": "x" * 9000}, [["x" * 9000]]]
)
def test_a_long_value_is_cut_and_marked_so(value: Any) -> None:
    change = diff({}, {"field": value})["field"]
    assert change.abridged
    assert len(json.dumps(change.new)) <= 1100

"""The list of one's chats: its order, its pages, and what it can be searched for."""

from typing import Any

import pytest

from chalicelib.primitives import new_id
from tests.support.chat_owner import Owner, new_owner
from tests.support.chats import CHATS
from tests.support.deployment import Deployment, error_of
from tests.support.people import ORGANIZATIONS


@pytest.fixture
def owner(deployment: Deployment) -> Owner:
    """Somebody with chats."""
    return new_owner(deployment)


def start(owner: Owner, *titles: str, **body: Any) -> dict[str, str]:
    """Chats, each a second later than the one before; their paths by title."""
    paths = {}
    for title in titles:
        owner.person.deployment.clock.advance(seconds=1)
        paths[title] = owner.start(title, **body)
    return paths


def titles(owner: Owner, **query: Any) -> list[str]:
    return [chat["title"] for chat in owner.get(CHATS, **query)]


def test_the_latest_changed_comes_first_and_a_changed_title_is_no_change_of_place(
    deployment: Deployment, owner: Owner
) -> None:
    paths = start(owner, "a", "b", "c")
    assert titles(owner) == ["c", "b", "a"]
    deployment.clock.advance(seconds=1)
    owner.change(paths["b"], title="b2").raise_for_status()
    assert titles(owner) == ["c", "b2", "a"]
    owner.say(paths["a"], "Now", busy_behavior="interrupt").raise_for_status()
    assert titles(owner) == ["a", "c", "b2"]


def test_pinned_chats_come_first_by_their_order(owner: Owner) -> None:
    paths = start(owner, "a", "b", "c", "d", "e")
    for title, order in (("a", 2), ("b", 2**31 - 1), ("c", 1), ("d", 2)):
        owner.change(paths[title], pin_order=order).raise_for_status()
    assert titles(owner) == ["c", "d", "a", "b", "e"]
    owner.change(paths["c"], pin_order=0).raise_for_status()
    assert titles(owner) == ["d", "a", "b", "e", "c"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_the_pages_hold_each_chat_once_pinned_or_not(owner: Owner, limit: int) -> None:
    paths = start(owner, "a", "b", "c", "d", "e")
    for order, title in enumerate(("b", "d"), 1):
        owner.change(paths[title], pin_order=order).raise_for_status()
    assert pages(owner, limit) == ["b", "d", "e", "c", "a"]


@pytest.mark.parametrize("limit", [1, 2])
def test_the_pages_of_a_search_hold_each_fitting_chat_once(owner: Owner, limit: int) -> None:
    start(owner, "red 1", "blue 1", "blue 2", "red 2", "blue 3", "red 3")
    assert pages(owner, limit, q="red") == ["red 3", "red 2", "red 1"]


def pages(owner: Owner, limit: int, **query: str) -> list[str]:
    """The titles on all pages."""
    found: list[str] = []
    after: dict[str, str] = {}
    for _ in range(20):
        page = owner.get(CHATS, limit=limit, **query, **after)
        found += [chat["title"] for chat in page]
        if len(page) < limit:
            return found
        after = {"after_id": page[-1]["id"]}
    raise AssertionError("the pages do not end")


def test_a_search_for_something_rare_costs_as_much_as_any_other(
    deployment: Deployment, owner: Owner
) -> None:
    start(owner, "rare", *(f"common {number}" for number in range(12)))
    deployment.aws_calls.reset()
    assert titles(owner, q="rare", limit=1) == ["rare"]
    assert deployment.aws_calls.calls["dynamodb.Query"] == 2, "the chats, and the servers"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Budget 2027", "budget plan", "Trip"]),
        ("budget", ["Budget 2027", "budget plan"]),
        ("BUDGET 2027", ["Budget 2027"]),
        ("2027 budget", ["Budget 2027"]),
        ("title:Plan", ["budget plan"]),
        ("title:", ["Budget 2027", "budget plan", "Trip"]),
        ("nothing", []),
        ("archived:false trip", ["Trip"]),
        ("archived:true", ["Old budget"]),
        ("archived:TRUE budget", ["Old budget"]),
        ("archived:true trip", []),
        ("status:waiting", ["Budget 2027"]),
        ("status:pending", ["budget plan", "Trip"]),
        ("status:error", []),
        ("has_unread:true", ["Budget 2027"]),
        ("has_unread:false", ["budget plan", "Trip"]),
        ("has_unread:true status:pending", []),
    ],
)
def test_a_search_finds_what_it_says(owner: Owner, query: str, expected: list[str]) -> None:
    start(owner, "Trip", "budget plan")
    start(owner, "Budget 2027", status="waiting")
    old = start(owner, "Old budget", status="error")["Old budget"]
    owner.change(old, archived=True).raise_for_status()
    assert titles(owner, q=query) == expected


@pytest.mark.parametrize(
    "query",
    [
        *("archived:yes", "archived:", "status:asleep", "has_unread:1", "color:red", ":red"),
        *("http://example.com", " ".join(["word"] * 21), "x" * 1001),
    ],
)
def test_a_search_that_cannot_be_understood_is_400(owner: Owner, query: str) -> None:
    refused = owner.client.get(CHATS, params={"q": query})
    assert error_of(refused) == (400, "invalid_search")
    assert [each["field"] for each in refused.json()["validations"]] == ["q"]


def test_all_labels_that_are_asked_for_must_fit(owner: Owner) -> None:
    start(owner, "a", labels={"team": "red", "app/v1.2": "x y"})
    start(owner, "b", labels={"team": "red", "url": "http://x"})
    start(owner, "c", labels={"team": "redder"})
    assert titles(owner, label="team:red") == ["b", "a"]
    assert titles(owner, label=["team:red", "app/v1.2:x y"]) == ["a"]
    assert titles(owner, label="url:http://x") == ["b"]
    assert titles(owner, label="team:red", q="b") == ["b"]
    assert titles(owner, label=["team:red", "team:redder"]) == []
    assert titles(owner, label="size:big") == []


@pytest.mark.parametrize("label", ["", "team", "team:", ":red", ":"])
def test_a_malformed_label_is_400(owner: Owner, label: str) -> None:
    refused = owner.client.get(CHATS, params={"label": label})
    assert error_of(refused) == (400, "invalid_search")
    assert [each["field"] for each in refused.json()["validations"]] == ["label"]


def test_archived_chats_have_pages_of_their_own(owner: Owner) -> None:
    paths = start(owner, "a", "b", "c", "d", status="error")
    for title in ("a", "b", "d"):
        owner.change(paths[title], archived=True).raise_for_status()
    assert titles(owner) == ["c"]
    assert pages(owner, 2, q="archived:true") == ["d", "b", "a"]
    owner.change(paths["b"], archived=False).raise_for_status()
    assert titles(owner) == ["c", "b"]


def test_chats_are_found_by_their_workspaces(owner: Owner) -> None:
    workspaces = f"{ORGANIZATIONS}/{owner.organization_id}/workspaces"
    atlas, empty = (
        owner.client.post(workspaces, json={"name": name}).json()["id"]
        for name in ("Atlas", "Empty")
    )
    start(owner, "a", "b", workspace_id=atlas)
    start(owner, "elsewhere")
    assert titles(owner, q=f"workspace:{atlas}") == ["b", "a"]
    found = owner.get(f"{CHATS}/by-workspace", workspace_ids=f"{atlas},{empty}")
    assert {id_: chat["title"] for id_, chat in found.items()} == {atlas: "b"}
    for ids in ("", "x", f"{atlas},", ",".join(new_id() for _ in range(26))):
        refused = owner.client.get(f"{CHATS}/by-workspace", params={"workspace_ids": ids})
        assert error_of(refused) == (400, "invalid_search")

"""Changing a chat: its title, labels, pin, archive, servers, and whether it counts as read."""

from typing import Any

import pytest

from tests.support.audit import event_of, events
from tests.support.chat_owner import Owner, new_owner
from tests.support.deployment import Deployment, error_of
from tests.support.servers import NOWHERE, SERVERS, create_server
from tests.support.worker import claim, finish, say


@pytest.fixture
def owner(deployment: Deployment) -> Owner:
    """Somebody with chats."""
    return new_owner(deployment)


def test_what_is_not_named_stays(owner: Owner) -> None:
    path = owner.start("Hello", labels={"team": "red"}, status="waiting")
    before = owner.get(path)
    changes: tuple[dict[str, Any], ...] = (
        {"title": " Other  name "},
        {"labels": {"team": "blue", "size": "big"}},
        {"labels": {}},
        {"pin_order": 3},
        {"archived": True},
        {"archived": False},
        {"has_unread": False},
        {"has_unread": True},
        {},
    )
    for change in changes:
        answer = owner.change(path, **change)
        assert (answer.status_code, answer.content) == (204, b"")
        expected: dict[str, Any] = {**before, **change}
        if "title" in change:
            expected["title"] = "Other  name"
        if change.get("archived"):
            expected["pin_order"] = 0
        before = owner.get(path)
        assert before == expected


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "  "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"pin_order": -1}, "pin_order"),
        ({"pin_order": 2**31}, "pin_order"),
        ({"pin_order": "1"}, "pin_order"),
        ({"archived": "yes"}, "archived"),
        ({"has_unread": 1}, "has_unread"),
        ({"labels": {"-team": "red"}}, "labels"),
        ({"labels": {"team": ""}}, "labels"),
        ({"labels": {"team": "x" * 257}}, "labels"),
        ({"labels": {"team": "\u20ac" * 86}}, "labels"),
        ({"labels": {"t" * 65: "red"}}, "labels"),
        ({"labels": {f"k{number}": "x" for number in range(51)}}, "labels"),
        ({"labels": {"team": 1}}, "labels.team"),
        ({"mcp_server_ids": "all"}, "mcp_server_ids"),
    ],
)
def test_an_impossible_value_is_400_and_named(
    owner: Owner, body: dict[str, Any], field: str
) -> None:
    path = owner.start()
    refused = owner.change(path, **body)
    assert error_of(refused) == (400, "invalid_body")
    assert [each["field"] for each in refused.json()["validations"]] == [field]


def test_labels_at_their_limits_are_kept(owner: Owner) -> None:
    labels = {f"{'k' * 62}{number}": "\u20ac" * 85 for number in range(10, 60)}
    path = owner.start(labels=labels)
    assert owner.get(path)["labels"] == labels


def test_archiving_twice_is_400_and_so_is_bringing_back_what_is_there(owner: Owner) -> None:
    path = owner.start(status="waiting")
    refused = owner.change(path, archived=False)
    assert error_of(refused) == (400, "invalid_change")
    assert [each["field"] for each in refused.json()["validations"]] == ["archived"]
    owner.change(path, archived=True).raise_for_status()
    assert error_of(owner.change(path, archived=True)) == (400, "invalid_change")


def test_an_archived_chat_has_no_pin(owner: Owner) -> None:
    path = owner.start(status="waiting")
    owner.change(path, pin_order=1).raise_for_status()
    assert error_of(owner.change(path, archived=True, pin_order=1)) == (400, "invalid_change")
    owner.change(path, archived=True).raise_for_status()
    refused = owner.change(path, pin_order=2)
    assert error_of(refused) == (400, "invalid_change")
    assert [each["field"] for each in refused.json()["validations"]] == ["pin_order"]
    owner.change(path, archived=False, pin_order=2).raise_for_status()
    assert owner.get(path)["pin_order"] == 2


def test_an_answer_is_unread_until_the_owner_has_read_it(owner: Owner) -> None:
    path = owner.start()
    assert not owner.get(path)["has_unread"]
    owner.change(path, has_unread=True).raise_for_status()
    assert not owner.get(path)["has_unread"], "the model has said nothing"
    owner.work(path, claim, say("Hello"), finish)
    assert owner.get(path)["has_unread"]
    for wanted in (False, True, False):
        owner.change(path, has_unread=wanted).raise_for_status()
        assert owner.get(path)["has_unread"] is wanted
    owner.say(path, "More").raise_for_status()
    owner.work(path, claim, say("Hello again"), finish)
    assert owner.get(path)["has_unread"]


def test_an_answer_that_an_edit_took_away_is_not_unread(owner: Owner) -> None:
    path = owner.start(status="waiting")
    assert owner.get(path)["has_unread"]
    owner.edit(path, 1, "Or else").raise_for_status()
    assert not owner.get(path)["has_unread"]


def test_servers_are_replaced_and_forced_ones_stay(deployment: Deployment, owner: Owner) -> None:
    with deployment.admin as admin:
        ids = {
            slug: create_server(admin, slug=slug, enabled=True, availability=availability)["id"]
            for slug, availability in (
                ("first", "default_off"),
                ("second", "default_off"),
                ("forced", "force_on"),
            )
        }
        path = owner.start(mcp_server_ids=[ids["first"]])
        admin.patch(f"{SERVERS}/{ids['first']}", json={"enabled": False}).raise_for_status()
        owner.change(path, mcp_server_ids=[ids["second"], ids["first"]]).raise_for_status()
        both = [ids["second"], ids["first"], ids["forced"]]
        assert owner.get(path)["mcp_server_ids"] == both, "what it has already is never refused"
        refused = owner.change(path, mcp_server_ids=[NOWHERE])
        assert error_of(refused) == (400, "invalid_mcp_server_ids")
        owner.change(path, mcp_server_ids=[]).raise_for_status()
        assert owner.get(path)["mcp_server_ids"] == [ids["forced"]]
        refused = owner.say(path, "More", mcp_server_ids=[ids["first"]])
        assert error_of(refused) == (400, "invalid_mcp_server_ids")
        owner.say(path, "More", mcp_server_ids=[ids["second"]]).raise_for_status()
        assert owner.get(path)["mcp_server_ids"] == [ids["second"], ids["forced"]]
        owner.edit(path, 1, "Or else", mcp_server_ids=[]).raise_for_status()
        assert owner.get(path)["mcp_server_ids"] == [ids["forced"]]


def test_a_change_is_recorded_without_words_and_nothing_is_where_nothing_is_new(
    deployment: Deployment, owner: Owner
) -> None:
    path = owner.start("Pink elephants", status="waiting")
    chat_id = path.rpartition("/")[2]
    with deployment.admin as admin:
        owner.change(path, title="Pink elephants").raise_for_status()
        assert [each["action"] for each in events(admin, object_id=chat_id)] == ["create"]
        owner.change(path, archived=True, title="More pink elephants").raise_for_status()
        assert event_of(admin, chat_id, "update")["diff"] == {
            "archived": {"old": False, "new": True}
        }
        assert "elephants" not in admin.get("/api/v2/audit").text

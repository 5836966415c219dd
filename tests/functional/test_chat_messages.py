"""Reading a chat's messages page by page, and editing what was said."""

import pytest

from chalicelib.chats.models import Visibility
from tests.support.chat_owner import Owner, new_owner
from tests.support.deployment import Deployment, error_of, start_deployment
from tests.support.worker import claim, finish, say


@pytest.fixture
def owner(deployment: Deployment) -> Owner:
    """Somebody with chats."""
    return new_owner(deployment)


def converse(owner: Owner, turns: int) -> str:
    """A chat with so many questions and answers: ids from 1 to twice as many."""
    path = owner.start("Q1")
    for number in range(1, turns + 1):
        if number > 1:
            owner.say(path, f"Q{number}").raise_for_status()
        owner.work(path, claim, say(f"A{number}"), finish)
    return path


def pages(owner: Owner, path: str, limit: int, cursor: str) -> list[int]:
    """The ids on all pages in one direction."""
    found: list[int] = []
    query = {"after_id": 0} if cursor == "after_id" else {}
    for _ in range(30):
        page = owner.get(f"{path}/messages", limit=limit, **query)
        ids = [each["id"] for each in page["messages"]]
        found += ids
        assert len(ids) <= limit
        if not page["has_more"]:
            return found
        assert len(ids) == limit
        query = {cursor: ids[-1]}
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 200])
def test_pages_go_both_ways_and_hold_each_message_once(owner: Owner, limit: int) -> None:
    path = converse(owner, 3)
    assert pages(owner, path, limit, "before_id") == [6, 5, 4, 3, 2, 1]
    assert pages(owner, path, limit, "after_id") == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_what_is_hidden_makes_room_for_what_is_not(owner: Owner, limit: int) -> None:
    path = converse(owner, 3)
    owner.edit(path, 5, "Other").raise_for_status()  # Hides 5 and 6.
    unseen = say("Only for the model", Visibility.MODEL)
    owner.work(path, claim, unseen, unseen, say("A"), unseen, finish)
    expected = [1, 2, 3, 4, 7, 10]
    assert pages(owner, path, limit, "after_id") == expected
    assert pages(owner, path, limit, "before_id") == expected[::-1]
    between = owner.get(f"{path}/messages", after_id=2, before_id=10, limit=limit)
    assert [each["id"] for each in between["messages"]] == [7, 4, 3][:limit]
    assert between["has_more"] == (limit < 3)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after_id": 3, "before_id": 3}, "after_id"),
        ({"after_id": 4, "before_id": 3}, "after_id"),
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"wait": 1}, "wait"),
        ({"wait": 1, "before_id": 3}, "wait"),
        ({"wait": 1, "after_id": 1, "before_id": 3}, "wait"),
        ({"wait": 21, "after_id": 1}, "wait"),
        ({"before_id": "x"}, "before_id"),
        ({"after_id": "-1"}, "after_id"),
    ],
)
def test_an_impossible_page_is_400_and_says_why(
    owner: Owner, query: dict[str, int], field: str
) -> None:
    refused = owner.client.get(f"{owner.start()}/messages", params=query)
    assert refused.status_code == 400
    assert [each["field"] for each in refused.json()["validations"]] == [field]


def test_a_long_message_is_kept_whole(owner: Owner) -> None:
    long = "".join(f"{number} \u20ac\U0001f600 " for number in range(13_000))
    assert 150_000 < len(long.encode()) < 250_000
    path = owner.start(long.strip(), "and more")
    assert owner.texts(path) == [long.strip() + "and more"]
    owner.work(path, claim, say(long * 4), finish)
    assert owner.texts(path)[0] == long * 4


def test_the_system_prompt_is_told_nobody(owner: Owner) -> None:
    path = owner.start("Hello", system_prompt="sentinel-prompt")
    for query in ({}, {"after_id": 0}, {"before_id": 1}):
        page = owner.client.get(f"{path}/messages", params=query)
        assert "sentinel" not in page.text
        assert "system" not in page.text
    assert "sentinel" not in owner.client.get(f"{path}/events").text
    assert "sentinel" not in owner.client.get(path).text
    assert error_of(owner.edit(path, 0, "Other")) == (404, "message_not_found")
    assert not any("sentinel" in line for line in owner.person.deployment.log_lines)


def test_a_system_prompt_of_more_than_ten_thousand_characters_is_400(owner: Owner) -> None:
    owner.start(system_prompt="\u20ac" * 10_000)
    body = {"organization_id": owner.organization_id, "content": [{"type": "text", "text": "x"}]}
    refused = owner.client.post(
        "/api/experimental/chats", json={**body, "system_prompt": "x" * 10_001}
    )
    assert error_of(refused) == (400, "invalid_body")


def test_an_edit_takes_away_the_message_and_all_that_came_after_it(owner: Owner) -> None:
    path = converse(owner, 3)
    edited = owner.edit(path, 3, "Instead").json()
    assert (edited["id"], edited["content"]) == (7, [{"type": "text", "text": "Instead"}])
    assert owner.texts(path, after_id=0) == ["Q1", "A1", "Instead"]
    assert owner.status(path) == "pending"
    owner.work(path, claim, say("A"), finish)
    assert owner.edit(path, 1, "All anew").json()["id"] == 9
    assert owner.texts(path, after_id=0) == ["All anew"]


def test_only_ones_own_messages_that_are_there_can_be_edited(owner: Owner) -> None:
    path = converse(owner, 2)
    assert error_of(owner.edit(path, 2, "Mine now")) == (400, "not_a_user_message")
    owner.edit(path, 3, "Instead").raise_for_status()
    for gone in (0, 3, 4, 6, 10**11):
        assert error_of(owner.edit(path, gone, "Mine now")) == (404, "message_not_found")
    refused = owner.client.patch(f"{path}/messages/x", json={"content": []})
    assert refused.status_code == 400
    assert owner.texts(path, after_id=0) == ["Q1", "A1", "Instead"]


def test_whoever_waits_gets_messages_as_soon_as_there_are_any(local_aws: None) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            owner.work(path, say("Only for the model", Visibility.MODEL))
        if len(pauses) == 5:
            owner.work(path, say("Hello yourself"))

    owner = new_owner(start_deployment(pause=pause))
    path = owner.start()
    owner.work(path, claim)
    assert owner.texts(path, after_id=1, wait=20) == ["Hello yourself"]
    assert len(pauses) == 5
    assert owner.texts(path, after_id=0, wait=20)[0] == "Hello"
    assert len(pauses) == 5, "where there are messages nobody waits"
    assert owner.texts(path, after_id=3, wait=2) == []
    assert sum(pauses[5:]) == pytest.approx(2)

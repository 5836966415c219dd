"""Deleting chats: at once for whoever looks, completely even if it stops half-way."""

import pytest

from tests.support.chat_owner import Owner, new_owner
from tests.support.chats import CHATS
from tests.support.deployment import Deployment, error_of
from tests.support.tables import table_items
from tests.support.worker import claim, finish, say


@pytest.fixture
def owner(deployment: Deployment) -> Owner:
    """Somebody with chats."""
    return new_owner(deployment)


@pytest.mark.parametrize("status", ["waiting", "pending", "running", "requires_action", "error"])
def test_nothing_is_left_of_a_deleted_chat(owner: Owner, status: str) -> None:
    path = owner.start("Hello " * 20_000, status=status, system_prompt="Be brief.")
    if status != "waiting":
        owner.say(path, "Next").raise_for_status()
    assert table_items("chats")
    assert owner.client.delete(path).status_code == 204
    assert table_items("chats") == []
    assert owner.get(CHATS) == []
    assert error_of(owner.client.delete(path)) == (404, "chat_not_found")


def test_a_removal_that_stops_half_way_is_hidden_and_goes_on_later(
    deployment: Deployment, owner: Owner
) -> None:
    path = owner.start(status="running")
    for number in range(60):
        owner.work(path, *[say(f"Number {number}")] * 4)
    kept = owner.start("Kept", status="running")
    others = [each for each in table_items("chats") if kept.rpartition("/")[2] in str(each)]
    owner.client.get(path)  # Notes that the token is used.
    deployment.aws_calls.refuse_after = 5  # Token, chat, mark, its items, the first hundred.
    deleted = owner.client.delete(path)
    deployment.aws_calls.refuse_after = None
    assert deleted.status_code == 204  # It is marked; the reaper removes what is left.
    assert 100 < len(table_items("chats")) - len(others) < 200
    for answer in (
        owner.client.get(path),
        owner.client.get(f"{path}/messages"),
        owner.say(path, "More"),
        owner.client.delete(path),
    ):
        assert error_of(answer) == (404, "chat_not_found")
    assert [chat["title"] for chat in owner.get(CHATS)] == ["Kept"]
    assert deployment.services.chats.remove_deleted() == 0
    assert sorted(map(str, table_items("chats"))) == sorted(map(str, others))
    assert deployment.services.chats.remove_deleted() == 0


def test_more_than_a_request_can_remove_goes_bit_by_bit(
    deployment: Deployment, owner: Owner
) -> None:
    path = owner.start(status="running")
    owner.work(path, *[say("Hello")] * 6)  # With the question and the chat itself eight items.
    repository, chat_id = deployment.services.chats._repository, path.rpartition("/")[2]
    left = [repository.remove(chat_id, owner.organization_id, 4) for _ in range(3)]
    assert left == [-1, 0, 4]
    assert table_items("chats") == []


def test_a_worker_cannot_bring_a_deleted_chat_back(owner: Owner) -> None:
    path = owner.start(status="pending")
    deployment = owner.person.deployment
    deployment.aws_calls.meanwhile = lambda: owner.client.delete(path).raise_for_status()
    with pytest.raises(Exception, match="There is no such chat"):
        owner.work(path, claim, say("Too late"), finish)
    assert table_items("chats") == []


def test_an_organisation_can_go_when_its_last_chat_has(
    deployment: Deployment, owner: Owner
) -> None:
    organizations = "/api/v2/organizations"
    with deployment.admin as admin:
        made = admin.post(organizations, json={"name": "research"}).json()["id"]
        join = f"{organizations}/{made}/members/{owner.person.id}"
        admin.post(join, json={}).raise_for_status()
        path = owner.start(organization_id=made)
        refused = admin.delete(f"{organizations}/{made}")
        assert error_of(refused) == (409, "organization_has_chats")
        owner.client.delete(path).raise_for_status()
        assert admin.delete(f"{organizations}/{made}").status_code == 204

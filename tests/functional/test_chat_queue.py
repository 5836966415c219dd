"""Messages that wait for a chat's turn to end."""

import pytest

from tests.support.chat_owner import Owner, new_owner
from tests.support.deployment import Deployment, error_of
from tests.support.worker import claim, fail, finish, say, take_next

MOST = 20


@pytest.fixture
def owner(deployment: Deployment) -> Owner:
    """Somebody with chats."""
    return new_owner(deployment)


def waiting(owner: Owner, *texts: str, status: str = "running") -> str:
    """A busy chat in which messages wait."""
    path = owner.start(status=status)
    for each in texts:
        assert owner.say(path, each).json()["queued"]
    return path


def act(owner: Owner, path: str, queued_id: object, action: str = "promote") -> tuple[int, str]:
    """How doing something to a waiting message is refused."""
    one = f"{path}/queue/{queued_id}"
    client = owner.client
    return error_of(client.delete(one) if action == "delete" else client.post(f"{one}/promote"))


def test_a_message_to_a_busy_chat_waits_and_is_none_of_its_messages(owner: Owner) -> None:
    path = owner.start(status="running")
    answer = owner.say(path, "And then?").json()
    queued = answer["queued_message"]
    assert answer == {"queued": True, "queued_message": queued}
    assert (queued["id"], queued["content"]) == (1, [{"type": "text", "text": "And then?"}])
    page = owner.get(f"{path}/messages")
    assert page["queued_messages"] == [queued]
    assert [each["id"] for each in page["messages"]] == [1]
    for query in ({"after_id": 0}, {"before_id": 9}):
        assert owner.get(f"{path}/messages", **query)["queued_messages"] == []


def test_when_the_turn_ends_the_next_one_begins_with_the_first_that_waits(owner: Owner) -> None:
    path = waiting(owner, "First", "Second")
    for left in (["Second"], []):
        owner.work(path, say("Hello"), finish, take_next(owner.person.deployment))
        assert (owner.status(path), owner.queue(path)) == ("pending", left)
        owner.work(path, claim)
    assert owner.texts(path) == ["Second", "Hello", "First", "Hello", "Hello"]


def test_a_message_that_shall_come_at_once_goes_to_the_front(owner: Owner) -> None:
    path = waiting(owner, "First")
    owner.say(path, "Now", busy_behavior="interrupt")
    assert owner.queue(path) == ["Now", "First"]
    assert owner.status(path) == "interrupting"


def test_as_many_wait_as_may_and_one_more_is_429(owner: Owner) -> None:
    path = waiting(owner, *(f"Number {number}" for number in range(MOST)))
    assert error_of(owner.say(path, "Too much")) == (429, "queue_full")
    now = owner.say(path, "Too much", busy_behavior="interrupt")
    assert error_of(now) == (429, "queue_full")
    assert (len(owner.queue(path)), owner.status(path)) == (MOST, "running")
    owner.client.delete(f"{path}/queue/1").raise_for_status()
    assert owner.say(path, "One more").json()["queued_message"]["id"] == MOST + 1


def test_what_waits_can_be_taken_back_once(owner: Owner) -> None:
    path = waiting(owner, "First", "Second")
    assert owner.client.delete(f"{path}/queue/1").status_code == 204
    assert owner.queue(path) == ["Second"]
    assert act(owner, path, 1, "delete") == (404, "message_not_found")
    assert owner.status(path) == "running"


@pytest.mark.parametrize("action", ["delete", "promote"])
def test_only_what_waits_in_this_chat_can_be_taken_back_or_promoted(
    owner: Owner, action: str
) -> None:
    path = waiting(owner, "First")
    other = owner.start(status="running")
    assert act(owner, other, 1, action) == (404, "message_not_found")
    for unknown in (0, 2, 10**11):
        assert act(owner, path, unknown, action) == (404, "message_not_found")
    for wrong in ("x", "-1", "1.0", "\u0661", "9" * 30):
        assert act(owner, path, wrong, action) == (400, "invalid_query")
    assert owner.queue(path) == ["First"]


def test_a_promoted_message_interrupts_what_runs_and_is_next(owner: Owner) -> None:
    path = waiting(owner, "First", "Second")
    assert owner.client.post(f"{path}/queue/2/promote").json()["status"] == "interrupting"
    assert owner.queue(path) == ["Second", "First"]


@pytest.mark.parametrize("status", ["pending", "requires_action"])
def test_a_promoted_message_begins_at_once_where_nobody_works(owner: Owner, status: str) -> None:
    path = waiting(owner, "First", "Second", status=status)
    assert owner.client.post(f"{path}/queue/2/promote").json()["status"] == "pending"
    assert owner.queue(path) == ["First"]
    assert owner.texts(path)[0] == "Second"


def test_what_waits_behind_a_failed_turn_can_be_promoted_or_stays(owner: Owner) -> None:
    path = waiting(owner, "First", "Second")
    owner.work(path, fail)
    assert (owner.status(path), owner.queue(path)) == ("error", ["First", "Second"])
    owner.change(path, archived=True).raise_for_status()
    assert act(owner, path, 1) == (400, "chat_archived")
    owner.change(path, archived=False).raise_for_status()
    assert owner.client.post(f"{path}/queue/2/promote").json()["status"] == "pending"
    assert owner.queue(path) == ["First"]
    assert owner.texts(path) == ["Second", "Hello"]


def test_an_interrupted_chat_goes_on_with_what_waits(owner: Owner) -> None:
    path = waiting(owner, "First", "Second", status="pending")
    assert owner.client.post(f"{path}/interrupt").json()["status"] == "pending"
    assert owner.texts(path) == ["First", "Hello"]
    assert owner.queue(path) == ["Second"]


def test_an_edit_takes_back_what_waits(owner: Owner) -> None:
    path = waiting(owner, "First", "Second")
    owner.edit(path, 1, "Or else").raise_for_status()
    assert owner.queue(path) == []
    assert act(owner, path, 1) == (404, "message_not_found")
    assert owner.texts(path) == ["Or else"]


def test_a_waiting_message_keeps_the_model_that_was_chosen_for_it(owner: Owner) -> None:
    path = owner.start(status="pending")
    model_id = owner.get(path)["last_model_config_id"]
    queued = owner.say(path, "First", model_config_id=model_id).json()["queued_message"]
    assert queued["model_config_id"] == model_id
    owner.client.post(f"{path}/queue/1/promote").raise_for_status()
    assert owner.get(f"{path}/messages")["messages"][0]["model_config_id"] == model_id

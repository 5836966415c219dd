"""Following a chat through a WebSocket: who gets in, what is pushed, and what it costs."""

import json
from typing import Any

import httpx
import pytest

from chalicelib.primitives import new_id
from chalicelib.sdk.chats import StreamMessage
from chalicelib.sdk.reading import read_document
from tests.support import aws
from tests.support.chats import CHATS, offer_model, text
from tests.support.deployment import ADMIN_TOKEN, STREAM_URL, Deployment, error_of, start_deployment
from tests.support.people import default_organization, join, new_person
from tests.support.sockets import connecting, leaving, saying
from tests.support.tables import table_items
from tests.support.turns import Talk, told

Events = list[dict[str, Any]]
STORY = "a story that takes its time #model:slow"


def sockets_kept() -> list[str]:
    """The keys of all that is stored of sockets."""
    items = [(item["PK"]["S"], item["SK"]["S"]) for item in table_items("chats")]
    return sorted(f"{pk} {sk}" for pk, sk in items if "CONN#" in pk + sk)


def ask_for_ticket(client: httpx.Client, chat_id: str) -> httpx.Response:
    return client.post(f"{CHATS}/{chat_id}/stream-tickets")


def new_chat(client: httpx.Client, deployment: Deployment) -> str:
    body = {"organization_id": default_organization(deployment), "content": text("Hello")}
    return str(client.post(CHATS, json=body).raise_for_status().json()["id"])


class Reader:
    """Somebody who obeys the protocol: what goes on from their cursor is taken, else they ask."""

    def __init__(self, talk: Talk, chat_id: str, connection_id: str) -> None:
        self._talk, self._chat_id, self._id = talk, chat_id, connection_id
        self._cursor, self._read = "", 0
        self.events: Events = []
        self.asked = 0
        self.ask()

    def ask(self) -> None:
        query = {"cursor": self._cursor} if self._cursor else {}
        path = f"{CHATS}/{self._chat_id}/events"
        news = self._talk.client.get(path, params=query).raise_for_status().json()
        self.events += news["events"]
        self._cursor = news["cursor"]
        self.asked += 1

    @property
    def received(self) -> list[dict[str, Any]]:
        return self._talk.world.deployment.sockets.received[self._id]

    def catch_up(self) -> None:
        for raw in self.received[self._read :]:
            message = read_document(StreamMessage, raw)
            if message.since == self._cursor:
                self.events += raw["data"]
                self._cursor = raw["cursor"]
            elif message.cursor != self._cursor:
                self.ask()
        self._read = len(self.received)

    @property
    def messages(self) -> Events:
        return [each for each in self.events if each["type"] == "message"]

    @property
    def words(self) -> str:
        return "".join(told(each) for each in self.events)

    def has_seen_what_there_is(self) -> bool:
        news = self._talk.client.get(f"{CHATS}/{self._chat_id}/events").json()["events"]
        return self.messages == [each for each in news if each["type"] == "message"]


def attend(talk: Talk, chat_id: str, connection_id: str = "c1=") -> Reader:
    assert talk.world.deployment.attend(connecting(connection_id, chat_id, ADMIN_TOKEN)) == 200
    return Reader(talk, chat_id, connection_id)


def test_a_turn_is_pushed_part_by_part_and_nothing_needs_to_be_asked(talk: Talk) -> None:
    chat_id = talk.start(STORY)
    reader = attend(talk, chat_id)
    talk.run(chat_id)
    reader.catch_up()
    assert reader.asked == 1, "only at the beginning"
    assert [each["type"] for each in reader.events].count("message_part") > 1
    assert reader.words
    assert talk.answer(chat_id).startswith(reader.words)
    assert reader.has_seen_what_there_is()
    states = [each["status"] for each in reader.events if each["type"] == "status"]
    assert states == ["pending", "running", "waiting"]


def test_the_steps_of_a_turn_with_a_tool_go_on_from_each_other(talk: Talk) -> None:
    server_id = talk.world.connected()
    chat_id = talk.start('use search {"q": "open"}', mcp_server_ids=[server_id])
    reader = attend(talk, chat_id)
    talk.run(chat_id)
    reader.catch_up()
    assert reader.asked == 1
    assert [each["message"]["id"] for each in reader.messages] == [1, 2, 3, 4]
    assert reader.has_seen_what_there_is()


@pytest.mark.parametrize("lost", [{0}, {1}, {2}, set(range(50))])
def test_a_lost_message_loses_and_doubles_no_event(talk: Talk, lost: set[int]) -> None:
    chat_id = talk.start(STORY)
    reader = attend(talk, chat_id)
    talk.run(chat_id)
    kept = [each for number, each in enumerate(reader.received) if number not in lost]
    reader.received[:] = kept
    reader.catch_up()
    reader.ask()
    assert reader.has_seen_what_there_is()
    assert talk.answer(chat_id).startswith(reader.words)


def test_messages_that_come_twice_or_late_change_nothing(talk: Talk) -> None:
    chat_id = talk.start(STORY)
    reader = attend(talk, chat_id)
    talk.run(chat_id)
    reader.received[:] = [each for each in reader.received for _ in range(2)]
    reader.received.append(reader.received[0])
    reader.catch_up()
    assert reader.has_seen_what_there_is()
    assert talk.answer(chat_id).startswith(reader.words)


def test_what_does_not_fit_into_a_frame_is_a_ping(talk: Talk) -> None:
    chat_id = talk.start("go on #model:long")
    reader = attend(talk, chat_id)
    talk.run(chat_id)
    assert "ping" in {each["type"] for each in reader.received}
    assert all(len(json.dumps(each)) <= 33_000 for each in reader.received)
    reader.catch_up()
    assert reader.has_seen_what_there_is()


def test_who_comes_in_the_middle_of_a_step_hears_its_end(talk: Talk) -> None:
    chat_id = talk.start("a story that takes its time #model:stall")
    with talk.working(chat_id) as watched:
        watched.wait_for("message_part")
        reader = attend(talk, chat_id)
        talk.post(chat_id, "interrupt").raise_for_status()
    assert [each["status"] for each in reader.received] == ["waiting"]
    reader.catch_up()
    assert reader.has_seen_what_there_is()


def test_a_step_that_nobody_watches_costs_nothing_more(talk: Talk) -> None:
    calls = talk.world.deployment.aws_calls
    counted = []
    for is_watched in (False, True):
        chat_id = talk.start("hello")
        reader = attend(talk, chat_id) if is_watched else None
        calls.reset()
        talk.world.deployment.take_step(chat_id)
        counted.append(dict(calls.calls))
    assert reader
    unwatched, watched = counted
    assert len(reader.received) == 3, "it begins, it says something, it has ended"
    # Which connections there are, and before each post what there is to tell.
    assert watched.pop("dynamodb.Query") - unwatched.pop("dynamodb.Query") == 4
    assert watched == unwatched


def test_who_has_left_is_told_nothing_and_forgotten(talk: Talk) -> None:
    chat_id = talk.start("hello")
    for connection_id in ("a", "b", "c"):
        attend(talk, chat_id, connection_id)
    deployment = talk.world.deployment
    deployment.sockets.gone.add("b")
    assert deployment.attend(leaving("a")) == 200
    talk.run(chat_id)
    assert not deployment.sockets.received["a"]
    assert len(deployment.sockets.received["c"]) == 3
    assert sockets_kept() == [f"CHAT#{chat_id} CONN#c", "CONN#c meta"]
    assert deployment.attend(leaving("a")) == 200, "API Gateway may say it twice"


@pytest.mark.parametrize("trouble", ["down", "refused"])
def test_a_push_that_fails_fails_no_step(talk: Talk, trouble: str) -> None:
    chat_id = talk.start("hello")
    attend(talk, chat_id)
    deployment = talk.world.deployment
    deployment.sockets.is_down = trouble == "down"
    deployment.sockets.refusal = 403 if trouble == "refused" else 0
    assert talk.run(chat_id)["status"] == "waiting"
    assert talk.answer(chat_id) == "You said: hello"
    told_of = [json.loads(line)["message"] for line in deployment.log_lines]
    expected = "A chat's followers are not told." if trouble == "down" else "A push was refused."
    assert told_of.count(expected) == (1 if trouble == "down" else 3)


def test_a_socket_that_opens_while_a_worker_takes_the_chat_stops_neither(talk: Talk) -> None:
    chat_id = talk.start("hello")
    deployment = talk.world.deployment
    deployment.aws_calls.meanwhile = lambda: attend(talk, chat_id)
    assert talk.step(chat_id)["status"] == "waiting"
    assert deployment.sockets.received["c1="], "and it was not forgotten"


@pytest.fixture
def chat_id(deployment: Deployment) -> str:
    offer_model(deployment)
    with deployment.admin as admin:
        return new_chat(admin, deployment)


def test_nobody_gets_in_without_a_token_that_opens_the_chat(
    deployment: Deployment, chat_id: str
) -> None:
    stranger = deployment.new_token("mara")
    for token, chat in (
        ("", chat_id),
        ("garbage", chat_id),
        (stranger, chat_id),
        (ADMIN_TOKEN, new_id()),
        (ADMIN_TOKEN, "garbage"),
        (ADMIN_TOKEN, ""),
    ):
        assert deployment.attend(connecting("x", chat, token)) == 403, (token, chat)
    bare = {"queryStringParameters": None}
    assert deployment.attend({**connecting("x", chat_id, ADMIN_TOKEN), **bare}) == 403
    assert deployment.attend({**connecting("x", chat_id), "headers": None}) == 403
    assert sockets_kept() == []
    assert deployment.attend(connecting("x", chat_id, ADMIN_TOKEN)) == 200
    assert sockets_kept() == [f"CHAT#{chat_id} CONN#x", "CONN#x meta"]


def test_a_token_must_be_good_for_reading_chats(deployment: Deployment, chat_id: str) -> None:
    statuses = {}
    with deployment.admin as admin:
        for scope in ("mcp", "users", "chats", "read"):
            body = {"scopes": [scope], "token_name": scope}
            made = admin.post("/api/v2/users/me/keys/tokens", json=body).raise_for_status()
            event = connecting(scope, chat_id, made.json()["key"])
            statuses[scope] = deployment.attend(event)
    assert statuses == {"mcp": 403, "users": 403, "chats": 200, "read": 200}


def test_no_token_and_no_ticket_is_logged(deployment: Deployment, chat_id: str) -> None:
    ticket = ask_for_ticket(deployment.admin, chat_id).json()["ticket"]
    deployment.attend(connecting("x", chat_id, ADMIN_TOKEN))
    deployment.attend(connecting("y", chat_id, ticket=ticket))
    lines = "".join(deployment.log_lines)
    assert ADMIN_TOKEN not in lines
    assert ticket not in lines
    assert lines.count('"message": "socket"') == 2


def test_a_ticket_opens_one_socket_of_its_chat_within_a_minute(
    deployment: Deployment, chat_id: str
) -> None:
    with deployment.admin as admin:
        answer = ask_for_ticket(admin, chat_id)
        assert answer.status_code == 201
        made = answer.json()
        url = httpx.URL(made["url"])
        assert str(url).startswith(f"{STREAM_URL}?")
        assert dict(url.params) == {"chat_id": chat_id, "ticket": made["ticket"]}
        assert made["ticket"] not in repr(table_items("chats"))
        other = new_chat(admin, deployment)
        late = ask_for_ticket(admin, chat_id).json()["ticket"]
    assert deployment.attend(connecting("o", other, ticket=made["ticket"])) == 403
    assert deployment.attend(connecting("a", chat_id, ticket=made["ticket"])) == 200
    assert deployment.attend(connecting("b", chat_id, ticket=made["ticket"])) == 403
    deployment.clock.advance(seconds=61)
    assert deployment.attend(connecting("c", chat_id, ticket=late)) == 403
    assert sockets_kept() == [f"CHAT#{chat_id} CONN#a", "CONN#a meta"]


def test_of_two_sockets_with_one_ticket_one_opens(deployment: Deployment, chat_id: str) -> None:
    ticket = ask_for_ticket(deployment.admin, chat_id).json()["ticket"]
    statuses = []

    def second() -> None:
        statuses.append(deployment.attend(connecting("b", chat_id, ticket=ticket)))

    deployment.aws_calls.meanwhile = second
    statuses.append(deployment.attend(connecting("a", chat_id, ticket=ticket)))
    assert statuses == [200, 403]


def test_a_ticket_is_for_ones_own_chat_and_needs_a_websocket_api(
    deployment: Deployment, chat_id: str
) -> None:
    with deployment.new_member() as mara:
        assert error_of(ask_for_ticket(mara, chat_id)) == (404, "chat_not_found")
    with start_deployment(CIBORIUM_STREAM_URL="").admin as admin:
        assert error_of(ask_for_ticket(admin, chat_id)) == (404, "no_streams")
        assert "chat_stream_url" not in admin.get("/api/v2/buildinfo").json()


def test_the_suspended_get_in_with_nothing_that_they_have(deployment: Deployment) -> None:
    offer_model(deployment)
    person = new_person(deployment)
    join(deployment, default_organization(deployment), person)
    with person.client as client:
        chat_id = new_chat(client, deployment)
        ticket = ask_for_ticket(client, chat_id).json()["ticket"]
    with deployment.admin as admin:
        admin.put(f"{person.path}/status/suspend").raise_for_status()
    assert deployment.attend(connecting("a", chat_id, person.token)) == 403
    assert deployment.attend(connecting("b", chat_id, ticket=ticket)) == 403
    assert sockets_kept() == []


def test_twenty_sockets_follow_a_chat_and_no_more_until_they_end(
    deployment: Deployment, chat_id: str
) -> None:
    def come(number: int) -> int:
        return deployment.attend(connecting(f"c{number}", chat_id, ADMIN_TOKEN))

    assert {come(number) for number in range(20)} == {200}
    assert come(20) == 403
    deployment.clock.advance(seconds=2 * 3600 + 600 + 1)
    assert come(21) == 200, "API Gateway has closed the others long ago"


def test_what_a_client_says_is_ignored(deployment: Deployment, chat_id: str) -> None:
    deployment.attend(connecting("a", chat_id, ADMIN_TOKEN))
    before, lines = table_items("chats"), len(deployment.log_lines)
    assert deployment.attend(saying("a", '{"action": "$connect"}')) == 200
    assert table_items("chats") == before
    (line,) = deployment.log_lines[lines:]
    assert json.loads(line)["event"] == "MESSAGE"
    assert "$connect" not in line


def test_a_deleted_chat_has_no_sockets_left(deployment: Deployment, chat_id: str) -> None:
    deployment.attend(connecting("a", chat_id, ADMIN_TOKEN))
    with deployment.admin as admin:
        admin.delete(f"{CHATS}/{chat_id}").raise_for_status()
    assert sockets_kept() == ["CONN#a meta"], "which ends by itself"
    assert deployment.attend(leaving("a")) == 200
    assert sockets_kept() == []


def test_storage_out_of_reach_is_no_refusal(deployment: Deployment, chat_id: str) -> None:
    aws.lose_table("chats")
    assert deployment.attend(connecting("a", chat_id, ADMIN_TOKEN)) == 503

"""A request that creates may be sent again: under the same key it happens once."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chalicelib.api import ROUTES
from tests.support import aws
from tests.support.chat_models import (
    CONFIGS,
    PROVIDERS,
    config_body,
    create_provider,
    provider_body,
)
from tests.support.chats import CHATS, offer_model, text
from tests.support.deployment import Deployment, error_of
from tests.support.journey import MCP_URL, World
from tests.support.servers import SERVERS, create_server, server_body
from tests.support.tables import everything_but

GIF = b"GIF89a" + bytes(20)
KEY = "0d5b6f3e-8f0a-4c4e-9d29-6a5c6f6d8f10"
METADATA = "https://tickets.example/.well-known/oauth-protected-resource/mcp"
BY_URL = server_body(auth_type="oauth2", url=MCP_URL)
TOKENS = "/api/v2/users/me/keys/tokens"


def send(
    client: httpx.Client, path: str, body: dict[str, Any] | bytes, key: str = KEY
) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    if isinstance(body, bytes):
        return client.post(path, content=body, headers={**headers, "Content-Type": "image/gif"})
    return client.post(path, json=body, headers=headers)


def was_replayed(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("idempotent-replayed") == "true")


def creations(deployment: Deployment) -> dict[str, dict[str, Any] | bytes]:
    """A body for every endpoint that creates, by its path."""
    with deployment.admin as admin:
        organization_id = admin.get("/api/v2/organizations").json()[0]["id"]
        person = {"username": "mara", "email": "mara@example.com"}
        user_id = admin.post("/api/v2/users", json=person).json()["id"]
        provider_id = create_provider(admin)["id"]
        offer_model(deployment)
        chat = {"organization_id": organization_id, "content": text("Hello")}
        chat_id = admin.post(CHATS, json=chat).json()["id"]
    return {
        SERVERS: server_body(),
        "/api/v2/users": {"username": "eve", "email": "eve@example.com"},
        TOKENS: {},
        "/api/v2/organizations": {"name": "research"},
        f"/api/v2/organizations/{organization_id}/members/{user_id}": {},
        f"/api/v2/organizations/{organization_id}/groups": {"name": "readers"},
        f"/api/v2/organizations/{organization_id}/workspaces": {"name": "Atlas"},
        CHATS: chat,
        f"{CHATS}/{chat_id}/messages": {"content": text("And then?")},
        f"{CHATS}/files?organization={organization_id}": GIF,
        PROVIDERS: provider_body(),
        CONFIGS: config_body(provider_id),
    }


def test_whatever_creates_answers_the_same_again_and_happens_once(deployment: Deployment) -> None:
    bodies = creations(deployment)
    assert len(bodies) == len([route for route in ROUTES if route.creates])
    with deployment.admin as admin:
        for path, body in bodies.items():
            first, again = send(admin, path, body), send(admin, path, body)
            expected = 200 if path.endswith("/messages") else 201
            assert (first.status_code, again.status_code) == (expected, expected), path
            assert (was_replayed(first), was_replayed(again)) == (False, True)
            assert again.content == first.content
            assert again.headers["content-type"] == first.headers["content-type"]
            assert again.headers.get("etag") == first.headers.get("etag")
            assert again.headers["x-request-id"] != first.headers["x-request-id"]
        chats = admin.get(CHATS).json()
        assert len(chats) == 2
        pages = [admin.get(f"{CHATS}/{chat['id']}/messages").json() for chat in chats]
    assert sorted(len(page["queued_messages"]) for page in pages) == [0, 1]


def test_every_post_says_whether_it_creates() -> None:
    """A new one must be marked, or named here with the reason in mind."""
    changes_nothing_new = {
        "login",
        "logout",
        "call_tool",
        "approve_tools",
        "rediscover",
        "create_stream_ticket",
        "interrupt_chat",
        "retry_chat",
        "regenerate_title",
        "decide_tool_calls",
        "promote_queued",
    }
    posts = {route.view.__name__ for route in ROUTES if route.method == "POST"}
    creating = {route.view.__name__ for route in ROUTES if route.creates}
    assert creating == posts - changes_nothing_new


def test_without_a_key_nothing_is_remembered(deployment: Deployment) -> None:
    with deployment.admin as admin:
        assert admin.post(TOKENS, json={}).json() != admin.post(TOKENS, json={}).json()
    assert aws.client("dynamodb").scan(TableName=_table())["Items"] == []


def test_a_refusal_is_an_answer_too(deployment: Deployment) -> None:
    with deployment.admin as admin:
        first = send(admin, SERVERS, {**server_body(), "transport": "pigeon"})
        again = send(admin, SERVERS, {**server_body(), "transport": "pigeon"})
        assert error_of(again) == (400, "invalid_body")
        assert again.content == first.content
        assert was_replayed(again)


def test_a_key_with_another_body_is_refused(deployment: Deployment) -> None:
    with deployment.admin as admin:
        send(admin, SERVERS, server_body())
        refused = send(admin, SERVERS, server_body(slug="other"))
        assert error_of(refused) == (409, "idempotency_key_reused")
        assert [each["slug"] for each in admin.get(SERVERS).json()] == ["tickets"]


def test_a_key_is_its_callers_own_and_its_routes(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        answers = [send(admin, TOKENS, {}), send(mara, TOKENS, {})]
        answers.append(send(admin, "/api/v2/organizations", {"name": "research"}))
        assert [each.status_code for each in answers] == [201] * 3
        assert not any(map(was_replayed, answers))
        assert answers[0].json()["key"] != answers[1].json()["key"]


@pytest.mark.parametrize("key", ["x" * 256, "a key", "schl\u00fcssel"])
def test_an_unusable_key_is_400(deployment: Deployment, key: str) -> None:
    with deployment.admin as admin:
        headers = {b"Idempotency-Key": key.encode()}
        refused = admin.post(SERVERS, json=server_body(), headers=headers)
        assert error_of(refused) == (400, "invalid_idempotency_key")
        assert admin.get(SERVERS).json() == []


def test_a_key_is_forgotten_after_a_day(deployment: Deployment) -> None:
    """Also before DynamoDB gets round to removing it."""
    with deployment.admin as admin:
        first = send(admin, TOKENS, {})
        deployment.clock.advance(hours=23, minutes=59)
        assert send(admin, TOKENS, {}).json() == first.json()
        deployment.clock.advance(minutes=2)
        fresh = send(admin, TOKENS, {})
        assert not was_replayed(fresh)
        assert fresh.json()["id"] != first.json()["id"]
        assert send(admin, TOKENS, {}).json() == fresh.json()


def test_while_the_first_is_being_served_the_second_waits(world: World) -> None:
    meanwhile: list[httpx.Response] = []

    def ask_again(request: httpx.Request) -> httpx.Response:
        world.internet.forget_page(METADATA)
        with world.deployment.admin as other:
            meanwhile.append(send(other, SERVERS, BY_URL))
            meanwhile.append(send(other, SERVERS, {**BY_URL, "slug": "other"}))
        return world.resource_server.handle(request)

    world.internet.add_page(METADATA, ask_again)
    with world.deployment.admin as admin:
        first = send(admin, SERVERS, BY_URL)
        assert [error_of(each) for each in meanwhile] == [
            (409, "idempotency_key_in_use"),
            (409, "idempotency_key_reused"),
        ]
        assert meanwhile[0].headers["retry-after"] == "2"
        assert "retry-after" not in meanwhile[1].headers
        again = send(admin, SERVERS, BY_URL)
        assert (again.content, was_replayed(again)) == (first.content, True)
        assert len(admin.get(SERVERS).json()) == 1


def test_after_a_fault_of_ours_the_same_request_is_served(world: World) -> None:
    world.internet.add_page(METADATA, _failing(RuntimeError))
    with world.deployment.admin as admin:
        assert error_of(send(admin, SERVERS, BY_URL)) == (500, "internal")
        world.internet.forget_page(METADATA)
        served = send(admin, SERVERS, BY_URL)
        assert (served.status_code, was_replayed(served)) == (201, False)


def test_after_a_crash_the_key_is_free_once_its_lease_is_over(world: World) -> None:
    class Killed(BaseException):
        """What no handler catches, as when Lambda ends the process."""

    world.internet.add_page(METADATA, _failing(Killed))
    with world.deployment.admin as admin:
        with pytest.raises(Killed):
            send(admin, SERVERS, BY_URL)
        world.internet.forget_page(METADATA)
        assert error_of(send(admin, SERVERS, BY_URL)) == (409, "idempotency_key_in_use")
        world.deployment.clock.advance(seconds=61)
        assert send(admin, SERVERS, BY_URL).status_code == 201


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(deployment: Deployment) -> None:
    with deployment.admin as admin:
        admin.get(SERVERS)  # Notes that the token is used.
        deployment.aws_calls.refuse_after = 3  # The token, the claim, the creation.
        first = send(admin, SERVERS, server_body())
        deployment.aws_calls.refuse_after = None
        assert first.status_code == 201
        assert any("An answer was not kept." in line for line in deployment.log_lines)
        assert error_of(send(admin, SERVERS, server_body())) == (409, "idempotency_key_in_use")
        deployment.clock.advance(seconds=61)
        refused = send(admin, SERVERS, server_body())
        assert error_of(refused) == (409, "idempotency_answer_lost")
        assert f"the mcp server {first.json()['id']}." in refused.json()["detail"]


def test_without_the_table_only_requests_with_a_key_are_refused(deployment: Deployment) -> None:
    aws.lose_table("idempotency")
    with deployment.admin as admin:
        assert error_of(send(admin, TOKENS, {})) == (503, "storage_unavailable")
        assert admin.post(TOKENS, json={}).status_code == 201


def test_after_a_crash_behind_the_creation_nothing_is_created_again(deployment: Deployment) -> None:
    """A crash between the creation and the answer leaves a claim without an answer."""
    database, bodies = aws.client("dynamodb"), creations(deployment)
    with deployment.admin as admin:
        created = {path: send(admin, path, body) for path, body in bodies.items()}
        for item in database.scan(TableName=_table())["Items"]:
            item.pop("answer")
            database.put_item(TableName=_table(), Item=item)
        deployment.clock.advance(seconds=61)
        before = everything_but("idempotency")
        for path, body in bodies.items():
            refused = send(admin, path, body)
            assert error_of(refused) == (409, "idempotency_answer_lost"), path
            assert _name(created[path].json()) in refused.json()["detail"]
        assert everything_but("idempotency") == before
        deployment.clock.advance(hours=24)
        assert send(admin, TOKENS, {}).status_code == 201


def test_a_request_that_was_slower_than_its_lease_creates_nothing(deployment: Deployment) -> None:
    served: list[httpx.Response] = []

    def repeat() -> None:
        deployment.clock.advance(seconds=61)
        with deployment.admin as admin:
            served.append(send(admin, TOKENS, {}))

    with deployment.admin as admin:
        admin.get(TOKENS)  # Notes that the token is used.
        deployment.aws_calls.meanwhile = repeat
        slow = send(admin, TOKENS, {})
        assert served[0].status_code == 201
        assert error_of(slow) == (409, "idempotency_key_in_use")
        assert send(admin, TOKENS, {}).content == served[0].content
        assert len(admin.get(TOKENS).json()) == 2, "the admin's own, and one more"


def test_a_fault_of_ours_after_the_creation_does_not_free_the_key(deployment: Deployment) -> None:
    with deployment.admin as admin:
        bodies = creations(deployment)
        path = next(each for each in bodies if "/members/" in each)
        deployment.aws_calls.refuse_after = 5  # All but the read that gives the answer its names.
        refused = send(admin, path, {})
        deployment.aws_calls.refuse_after = None
        assert refused.status_code == 503
        deployment.clock.advance(seconds=61)
        assert error_of(send(admin, path, {})) == (409, "idempotency_answer_lost")


def test_the_table_shows_neither_answers_nor_keys_nor_bodies(deployment: Deployment) -> None:
    with deployment.admin as admin:
        token = send(admin, TOKENS, {"token_name": "sentinel-body"}).json()["key"]
        create_server(admin)
    (item,) = aws.client("dynamodb").scan(TableName=_table())["Items"]
    for secret in (token, KEY, "sentinel-body"):
        assert secret not in repr(item)
    assert not any(token in line for line in deployment.log_lines)


def test_an_answer_moved_to_another_key_does_not_open(deployment: Deployment) -> None:
    database = aws.client("dynamodb")
    with deployment.admin as admin:
        send(admin, TOKENS, {}, "first-key")
        (stolen,) = database.scan(TableName=_table())["Items"]
        send(admin, TOKENS, {}, "second-key")
        items = database.scan(TableName=_table())["Items"]
        (target,) = (item for item in items if item["PK"] != stolen["PK"])
        database.put_item(TableName=_table(), Item={**target, "answer": stolen["answer"]})
        answer = send(admin, TOKENS, {}, "second-key")
        assert error_of(answer) == (500, "sealed_value_unreadable")
        assert json.loads(answer.text).get("key") is None


def _failing(kind: type[BaseException]) -> Callable[[httpx.Request], httpx.Response]:
    def fail(_: httpx.Request) -> httpx.Response:
        raise kind

    return fail


def _name(created: dict[str, Any]) -> str:
    """What of an answer tells which thing was created."""
    if created.get("queued"):
        return f"queued message {created['queued_message']['id']} of the chat"
    return str(created.get("user_id", created.get("id")))


def _table() -> str:
    return f"ciborium-{aws.STAGE}-idempotency"

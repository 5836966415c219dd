"""What the SDK repeats, how long it waits, and what it never repeats."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from pydantic import SecretStr

from chalicelib.sdk import (
    APIError,
    RateLimitedError,
    RetryPolicy,
    SDKError,
    UnavailableError,
    UnreachableError,
)
from chalicelib.sdk.mcp_servers import Availability
from chalicelib.sdk.requests.identity import CreateUserRequest
from chalicelib.sdk.requests.mcp_servers import UpdateMCPServerConfigRequest
from chalicelib.sdk.requests.mcp_tools import CallToolRequest
from chalicelib.sdk.retrying import parse_retry_after
from tests.support.sdk import TOKEN, Scripted

HEALTHY = {"status": "ok"}
NEW_USER = CreateUserRequest(email="mara@example.com", username="mara")
LOST = httpx.ReadTimeout("lost")


def busy(status: int = 503, retry_after: str | None = None) -> httpx.Response:
    body = {"message": "Try again.", "code": "unavailable", "request_id": "r"}
    headers = {"Retry-After": retry_after} if retry_after else {}
    return httpx.Response(status, json=body, headers=headers)


def user() -> httpx.Response:
    body = {
        "id": "u",
        "username": "mara",
        "name": "",
        "email": "mara@example.com",
        "status": "active",
        "roles": [],
        "organization_ids": [],
        "created_at": "2026-11-01T00:00:00Z",
        "updated_at": "2026-11-01T00:00:00Z",
    }
    return httpx.Response(201, json=body)


@pytest.mark.parametrize("failure", [busy(503), busy(429), LOST, httpx.ConnectError("down")])
def test_a_get_is_repeated_until_it_succeeds(failure: httpx.Response | Exception) -> None:
    server = Scripted([failure, failure, httpx.Response(200, json=HEALTHY)])
    assert server.client().get_health().status == "ok"
    assert server.waits == [0.5, 1.0]


def test_it_gives_up_after_the_attempts_that_were_allowed() -> None:
    server = Scripted([busy()] * 4)
    with pytest.raises(UnavailableError):
        server.client().get_health()
    assert server.waits == [0.5, 1.0, 2.0]


def test_a_wait_is_at_least_what_the_server_asks_for() -> None:
    server = Scripted([busy(retry_after="7"), httpx.Response(200, json=HEALTHY)])
    server.client().get_health()
    assert server.waits == [7.0]


def test_a_server_that_asks_for_too_much_patience_is_not_waited_for() -> None:
    server = Scripted([busy(429, retry_after="3600")])
    with pytest.raises(RateLimitedError) as refused:
        server.client().get_health()
    assert refused.value.retry_after == 3600
    assert server.waits == []


def test_waits_grow_to_a_limit_and_vary() -> None:
    policy = RetryPolicy(attempts=9, jitter=lambda: 0.5)
    assert [policy.find_wait(n) for n in (1, 2, 6, 8, 9)] == [0.25, 0.5, 8.0, 10.0, None]


def test_creating_is_repeated_with_one_and_the_same_idempotency_key() -> None:
    server = Scripted([busy(), LOST, user(), user()])
    client = server.client()
    client.create_user(NEW_USER)
    client.create_user(NEW_USER)
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert keys[0] == keys[1] == keys[2] != keys[3]


def test_creating_waits_for_an_attempt_whose_answer_was_lost() -> None:
    body = {"message": "Wait.", "code": "idempotency_key_in_use", "request_id": "r"}
    in_use = httpx.Response(409, json=body, headers={"Retry-After": "2"})
    server = Scripted([LOST, in_use, user()])
    assert server.client().create_user(NEW_USER).username == "mara"
    assert server.waits == [0.5, 2.0]


@pytest.mark.parametrize("failure", [busy(503), busy(429), LOST])
def test_a_tool_is_never_called_twice(failure: httpx.Response | Exception) -> None:
    server = Scripted([failure])
    with pytest.raises((APIError, UnreachableError)):
        server.client().experimental.call_tool("s", CallToolRequest(name="pay"))
    assert len(server.requests) == 1
    assert "Idempotency-Key" not in server.requests[0].headers


def test_a_change_is_not_repeated_after_it_may_have_arrived() -> None:
    server = Scripted([LOST])
    with pytest.raises(UnreachableError):
        server.client().experimental.update_mcp_server("s", UpdateMCPServerConfigRequest())
    assert len(server.requests) == 1


def test_what_never_left_is_repeated_whatever_it_is() -> None:
    answer = httpx.Response(200, json={"result_type": "complete", "content": []})
    server = Scripted([httpx.ConnectError("down"), answer])
    server.client().experimental.call_tool("s", CallToolRequest(name="pay"))
    assert len(server.requests) == 2


def test_a_repeated_delete_that_finds_nothing_has_succeeded() -> None:
    gone = httpx.Response(404, json={"message": "No.", "code": "not_found", "request_id": "r"})
    server = Scripted([LOST, gone])
    server.client().experimental.delete_mcp_server("s")
    with pytest.raises(APIError):
        Scripted([gone]).client().experimental.delete_mcp_server("s")


def test_what_takes_several_requests_to_delete_is_deleted() -> None:
    more = httpx.Response(202, json={"message": "Repeat the request to remove the rest."})
    server = Scripted([more, busy(), more, httpx.Response(204)])
    server.client().delete_user("u")
    assert len(server.requests) == 4
    endless = Scripted([more] * 1000)
    with pytest.raises(SDKError, match="still more to remove"):
        endless.client().delete_organization("o")


def test_errors_and_representations_do_not_hold_the_token() -> None:
    server = Scripted([httpx.ConnectError("down")])
    client = server.client(retries=RetryPolicy(attempts=1))
    with pytest.raises(UnreachableError) as failed:
        client.get_health()
    texts = [str(failed.value), repr(failed.value), repr(client), repr(client.experimental)]
    assert not [text for text in texts if TOKEN in text]
    assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_only_what_was_set_is_sent_and_secrets_as_they_are() -> None:
    server = Scripted([busy()])
    request = UpdateMCPServerConfigRequest(
        availability=Availability.FORCE_ON,
        description="",
        custom_headers={"X-Team": SecretStr("sentinel-value")},
    )
    with pytest.raises(UnavailableError):
        server.client().experimental.update_mcp_server("s", request)
    assert json.loads(server.requests[0].content) == {
        "availability": "force_on",
        "description": "",
        "custom_headers": {"X-Team": "sentinel-value"},
    }


def test_a_redirect_is_not_followed_with_the_token() -> None:
    server = Scripted([httpx.Response(302, headers={"Location": "https://evil.example/"})])
    with pytest.raises(APIError):
        server.client().get_health()
    assert [request.url.host for request in server.requests] == ["ciborium.example"]


@pytest.mark.parametrize(
    ("status", "body"),
    [(502, "<html>Bad gateway</html>"), (403, '{"message":"Forbidden"}'), (200, "<html>Hi</html>")],
)
def test_what_is_not_ciboriums_answer_is_said_to_be_so(status: int, body: str) -> None:
    server = Scripted([httpx.Response(status, text=body)])
    with pytest.raises(APIError) as failed:
        server.client().get_health()
    assert (failed.value.status, failed.value.code) == (status, "")
    assert "<html>" not in str(failed.value)


@pytest.mark.parametrize("url", ["ciborium", "ftp://x/", "https://u:p@x/", "https://x/?a", "//x"])
def test_an_unusable_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="the address must"):
        Scripted([]).client(url)


@pytest.mark.parametrize("bad", ["", ".", ".."])
def test_an_id_cannot_lead_to_another_path(bad: str) -> None:
    server = Scripted([user()])
    with pytest.raises(ValueError, match="an id must be given"):
        server.client().get_user(bad)
    server.client().get_user("../../me?x")
    assert server.requests[0].url.raw_path == b"/prod/api/v2/users/..%2F..%2Fme%3Fx"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        (" 0 ", 0.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_of_its_forms(header: str | None, seconds: float) -> None:
    """RFC 9110 section 10.2.3."""
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    assert parse_retry_after(header, now) == seconds

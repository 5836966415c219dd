"""What providers' errors become, and that nothing of what they write is told."""

import json
import logging
import socket
import traceback
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.egress import Egress
from chalicelib.turns.providers import (
    ContextTooLongError,
    ModelAnswerError,
    ModelClient,
    ModelCredentialsError,
    ModelError,
    ModelQuotaError,
    ModelRateLimitedError,
    ModelRejectedError,
    ModelTarget,
    ModelTimeoutError,
    ModelUnavailableError,
    ProviderKind,
    TextDelta,
)
from tests.support.loopback import Connection, answer
from tests.unit.turns.conftest import KEY, UNTOLD, Models, ask_for, data, stream


def openai_error(code: str | None, message: str = UNTOLD) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "code": code}}


def anthropic_error(kind: str, message: str = UNTOLD) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


FAILURES: list[tuple[str, str, Any, type[ModelError]]] = [
    ("openai", "400 Bad Request", openai_error(None), ModelRejectedError),
    ("openai", "400 Bad Request", openai_error("context_length_exceeded"), ContextTooLongError),
    (
        "openai",
        "400 Bad Request",
        {"object": "error", "message": f"{UNTOLD} maximum context length is 4096", "code": 400},
        ContextTooLongError,
    ),
    ("openai", "401 Unauthorized", openai_error("invalid_api_key"), ModelCredentialsError),
    ("openai", "402 Payment Required", {}, ModelQuotaError),
    ("openai", "403 Forbidden", openai_error(None), ModelCredentialsError),
    ("openai", "404 Not Found", openai_error("model_not_found"), ModelRejectedError),
    ("openai", "413 Content Too Large", {}, ContextTooLongError),
    ("openai", "422 Unprocessable", {"detail": [{"msg": UNTOLD}]}, ModelRejectedError),
    ("openai", "429 Too Many Requests", openai_error("rate_limit_exceeded"), ModelRateLimitedError),
    ("openai", "429 Too Many Requests", openai_error("insufficient_quota"), ModelQuotaError),
    ("openai", "500 Oops", {"error": UNTOLD}, ModelUnavailableError),
    ("openai", "503 Oops", [UNTOLD], ModelUnavailableError),
    ("openai", "204 No Content", {}, ModelRejectedError),
    ("anthropic", "529 Overloaded", anthropic_error("overloaded_error"), ModelUnavailableError),
    ("anthropic", "413 Large", anthropic_error("request_too_large"), ContextTooLongError),
    (
        "anthropic",
        "400 Bad Request",
        anthropic_error("invalid_request_error", f"prompt is too long: 9 > 8 {UNTOLD}"),
        ContextTooLongError,
    ),
    (
        "anthropic",
        "400 Bad Request",
        anthropic_error("invalid_request_error", f"Your credit balance is too low {UNTOLD}"),
        ModelQuotaError,
    ),
    (
        "bedrock",
        "400 Bad Request",
        {"message": f"Input is too long for requested model. {UNTOLD}"},
        ContextTooLongError,
    ),
    ("bedrock", "403 Forbidden", {"Message": UNTOLD}, ModelCredentialsError),
    ("bedrock", "408 Request Timeout", {"message": UNTOLD}, ModelTimeoutError),
    ("bedrock", "424 Failed Dependency", {"message": UNTOLD}, ModelUnavailableError),
    ("bedrock", "429 Too Many Requests", {"message": UNTOLD}, ModelRateLimitedError),
]


@pytest.fixture(params=["openai", "anthropic", "bedrock"])
def models(request: pytest.FixtureRequest) -> Models:
    found: Models = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(("kind", "status", "body", "error"), FAILURES)
def test_an_error_status_is_told_in_our_words(
    request: pytest.FixtureRequest, kind: str, status: str, body: Any, error: type[ModelError]
) -> None:
    models: Models = request.getfixturevalue(kind)
    with pytest.raises(error) as caught:
        models.ask(answer(status, json.dumps(body).encode(), Content_Type="application/json"))
    assert caught.type is error
    assert caught.value.provider == kind
    assert caught.value.status_code == int(status[:3])
    assert caught.value.retryable is (
        error in {ModelRateLimitedError, ModelUnavailableError, ModelTimeoutError}
    )
    assert_nothing_told(caught.value)


def assert_nothing_told(error: ModelError) -> None:
    told = "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(error)
    assert UNTOLD not in told
    assert KEY not in told


def test_bedrocks_quota_is_a_rate_limit_although_it_says_400(bedrock: Models) -> None:
    kind = "ServiceQuotaExceededException:http://internal.amazon.com/coral/"
    with pytest.raises(ModelRateLimitedError) as caught:
        bedrock.ask(answer("400 Bad Request", b"{}", x_amzn_errortype=kind))
    assert caught.value.status_code == 429


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0.5", 0),
        ("soon", 0),
        ("-1", 0),
        ("99999999999", 86400),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)
def test_how_long_to_wait_is_passed_on(models: Models, header: str, seconds: int) -> None:
    with pytest.raises(ModelRateLimitedError) as caught:
        models.ask(answer("429 Too Many Requests", b"", Retry_After=header))
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[" * 100_000, b"x" * 5_000_000])
def test_an_error_with_any_body_is_still_told_by_its_status(models: Models, body: bytes) -> None:
    with pytest.raises(ModelUnavailableError):
        models.ask(answer("502 Bad Gateway", body))


def test_an_error_whose_body_never_comes_is_told_by_its_status(models: Models) -> None:
    def begin(connection: Connection, _: bytes) -> None:
        connection.send(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 99\r\n\r\n{")
        connection.hang()

    with pytest.raises(ModelRateLimitedError):
        models.ask(begin, budget=0.3)


def test_silence_ends_with_the_budget(models: Models) -> None:
    with pytest.raises(ModelTimeoutError) as caught:
        models.ask(lambda connection, _: connection.hang(), budget=0.3)
    assert (caught.value.kind, caught.value.retryable) == ("timeout", True)


def test_drops_of_nothing_do_not_outlast_the_budget(openai: Models) -> None:
    def drip(connection: Connection, _: bytes) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        connection.drip(b": ping\n\n" * 100, 0.02)

    with pytest.raises(ModelTimeoutError):
        openai.ask(drip, budget=0.3)


def test_a_connection_that_breaks_in_the_answer_is_half_an_answer(openai: Models) -> None:
    whole = stream(data({"choices": [{"delta": {"content": "Hi"}}]}))

    def begin(connection: Connection, _: bytes) -> None:
        connection.send(whole[:-5])
        raise OSError

    target = openai.serve(begin)
    events = openai.client.stream(target, ask_for(), 5.0)
    assert next(events) == TextDelta("Hi")
    with pytest.raises(ModelAnswerError, match="broke off"):
        next(events)


def test_a_provider_that_cannot_be_reached_is_unavailable(models: Models) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    target = ModelTarget(models.kind, f"http://127.0.0.1:{port}", KEY, "eu-central-1")
    with pytest.raises(ModelUnavailableError) as caught:
        next(models.client.stream(target, ask_for(), 5.0))
    assert_nothing_told(caught.value)


@pytest.mark.parametrize("kind", ProviderKind)
@pytest.mark.parametrize("url", ["http://169.254.169.254", "https://10.0.0.1", "ftp://a.example"])
def test_the_guard_keeps_models_out_of_private_networks(kind: ProviderKind, url: str) -> None:
    client = ModelClient(Egress())
    with pytest.raises(ModelRejectedError, match="may not be reached"):
        next(client.stream(ModelTarget(kind, url, KEY, "eu-central-1"), ask_for(), 5.0))


@pytest.mark.parametrize("body", [b"<html>", b'{"choices": []}'])
def test_a_page_is_no_stream(models: Models, body: bytes) -> None:
    content_type = "text/html" if body.startswith(b"<") else "application/json"
    with pytest.raises(ModelAnswerError, match="base URL"):
        models.ask(answer(body=body, Content_Type=content_type))


def test_a_redirect_elsewhere_does_not_get_the_key(models: Models) -> None:
    with pytest.raises(ModelAnswerError) as caught:
        models.ask(answer("307 Temporary Redirect", Location="https://other.example/"))
    assert_nothing_told(caught.value)


@pytest.mark.parametrize("key", ["a\r\nX: y", "schlüssel", "a b"])
def test_a_key_that_no_header_can_hold_is_refused_untold(models: Models, key: str) -> None:
    target = replace(models.serve(b""), api_key=key)
    with pytest.raises(ModelCredentialsError) as caught:
        next(models.client.stream(target, ask_for(), 5.0))
    assert key not in "".join(traceback.format_exception(caught.value))


def test_neither_key_nor_conversation_is_shown_or_logged(
    models: Models, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    target = models.serve(answer("500 Oops", UNTOLD.encode()))
    request = ask_for(system=UNTOLD)
    with pytest.raises(ModelUnavailableError):
        next(models.client.stream(target, request, 5.0))
    shown = repr(target) + repr(request) + caplog.text
    assert KEY not in shown
    assert UNTOLD not in shown
    assert "Hello" not in shown


def test_a_local_server_is_sent_no_key_when_there_is_none(openai: Models) -> None:
    target = replace(openai.serve(answer("500 Oops")), api_key="")
    with pytest.raises(ModelUnavailableError):
        next(openai.client.stream(target, ask_for(), 5.0))
    assert "authorization" not in openai.headers

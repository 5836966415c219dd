"""Secrets thrown through every layer, with every library at its most talkative; the log is clean.

What is read is what Lambda would collect: the product's own handler, on standard output.
"""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from chalicelib import logs
from tests.functional.test_secrets import SENTINELS, secrets_of, whole_journey
from tests.support.chats import CHATS
from tests.support.deployment import ADMIN_TOKEN
from tests.support.emf import metrics_of
from tests.support.journey import ISSUER, MCP_URL, World
from tests.support.people import default_organization
from tests.support.servers import SERVERS, server_body
from tests.support.sockets import connecting
from tests.support.tool_server import add_tools
from tests.support.turns import Talk

LIBRARIES = ("", "httpx", "httpcore", "botocore", "pynamodb", "urllib3")
SENTINEL = "sentinel-s3cret"
Printed = Callable[[], str]


@pytest.fixture
def printed(world: World, capsys: pytest.CaptureFixture[str]) -> Iterator[Printed]:
    """What was written to the log, and whatever else was printed; libraries log everything."""
    loggers = [logging.getLogger(name) for name in (*LIBRARIES, "ciborium.invocations")]
    before = [(each, each.level, each.handlers[:]) for each in loggers]
    logs.configure("DEBUG", "test")
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    output = io.StringIO()
    handler.setStream(output)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield lambda: output.getvalue() + "".join(capsys.readouterr())
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def lines_in(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_whole_journey_leaves_no_secret_in_any_line(world: World, printed: Printed) -> None:
    whole_journey(world)
    text = printed()
    lines = lines_in(text)
    told_by = {each["logger"].partition(".")[0] for each in lines if "logger" in each}
    assert {"botocore", "httpx", "pynamodb"} <= told_by, "they were talkative"
    secrets = secrets_of(world) | {*SENTINELS.values(), "sentinel-code", "sentinel-state"}
    assert not [secret for secret in secrets if secret in text]
    requests = [each for each in lines if each["message"] == "request"]
    assert len(requests) > 20
    for each in requests:
        assert metrics_of(each)["Requests"] == 1


def connection_breaks(talk: Talk) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"{SENTINEL} {request.headers}", request=request)

    server = add_tools(talk.world, "a", "look")
    talk.world.internet.add_page(server.url, fail)
    assert talk.client.get(f"{SERVERS}/{server.id}/tools").status_code == 502


def something_unforeseen_happens(talk: Talk) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise RuntimeError(SENTINEL)

    server = add_tools(talk.world, "a", "look")
    chat_id = talk.start("use look", mcp_server_ids=[server.id])
    talk.step(chat_id)
    talk.world.internet.add_page(server.url, fail)
    assert talk.client.get(f"{SERVERS}/{server.id}/tools").status_code == 500
    talk.step(chat_id)


def a_server_speaks_of_secrets(talk: Talk) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        error = {"code": -32000, "message": SENTINEL, "data": {"token": SENTINEL}}
        told = {"jsonrpc": "2.0", "id": json.loads(request.content)["id"], "error": error}
        return httpx.Response(200, json=told, headers={"X-Told": SENTINEL})

    server = add_tools(talk.world, "a", "look")
    talk.world.internet.add_page(server.url, answer)
    talk.client.get(f"{SERVERS}/{server.id}/tools")
    talk.client.post(f"{SERVERS}/{server.id}/tools/look/call", json={"arguments": {}})


def an_authorization_server_speaks_of_secrets(talk: Talk) -> None:
    server_id = talk.world.connected()
    talk.world.deployment.clock.advance(hours=2)
    told = {"error": "invalid_request", "error_description": SENTINEL, "error_uri": SENTINEL}
    talk.world.internet.add_page(f"{ISSUER}/token", httpx.Response(400, json=told))
    talk.world.list_tools(server_id)
    with talk.world.browser() as browser:
        talk.world.connect(browser, server_id)
        browser.get(f"{SERVERS}/{server_id}/oauth2/callback?code={SENTINEL}&state={SENTINEL}")
        browser.get(f"{SERVERS}/{server_id}/oauth2/callback?error={SENTINEL}")


def the_database_speaks_of_secrets(talk: Talk) -> None:
    def refuse(**_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        error = {"Code": "AccessDeniedException", "Message": SENTINEL}
        return AWSResponse("", 400, HTTPHeaders(), None), {"Error": error}

    chat_id = talk.start("hello")
    events_of: Any = talk.world.deployment.database.connection.client.meta.events
    events_of.register("before-call.dynamodb", refuse)
    assert talk.client.get(SERVERS).status_code == 503
    attend = talk.world.deployment.app.handler_map
    record = {"messageId": "1", "receiptHandle": SENTINEL, "body": json.dumps({"chat_id": chat_id})}
    assert attend["turns"]({"Records": [record]}, None)["batchItemFailures"]
    assert talk.world.deployment.attend(connecting("c1=", chat_id, ADMIN_TOKEN)) == 503


def a_request_is_full_of_secrets(talk: Talk) -> None:
    with talk.world.deployment.client(SENTINEL, Cookie=f"a={SENTINEL}", Origin=SENTINEL) as client:
        assert client.get(f"{SERVERS}?token={SENTINEL}").status_code == 401
    body = server_body(oauth2_client_secret={"a": SENTINEL}, api_key_value=[SENTINEL])
    assert talk.client.post(f"{SERVERS}?code={SENTINEL}", json=body).status_code == 400
    assert talk.client.get(f"{SERVERS}/{SENTINEL}").status_code == 400
    assert talk.client.put(f"{SERVERS}?code={SENTINEL}", json=body).status_code == 405
    key = {"Idempotency-Key": SENTINEL, "Content-Type": SENTINEL}
    assert talk.client.post(SERVERS, content=SENTINEL, headers=key).status_code == 415


def a_hint_and_a_socket_bring_secrets(talk: Talk) -> None:
    app = talk.world.deployment.app
    record = {"messageId": "1", "receiptHandle": SENTINEL, "body": json.dumps({"x": SENTINEL})}
    app.handler_map["turns"]({"Records": [record]}, None)
    chat_id = talk.start("hello")
    assert talk.world.deployment.attend(connecting("c1=", chat_id, SENTINEL)) == 403
    assert talk.world.deployment.attend(connecting("c2=", SENTINEL, ticket=SENTINEL)) == 403
    assert talk.world.deployment.attend(connecting("c3=", SENTINEL, ADMIN_TOKEN)) == 403


def a_model_and_an_owner_speak_of_secrets(talk: Talk) -> None:
    chat_id = talk.start(SENTINEL, organization_id=default_organization(talk.world.deployment))
    talk.model_answers(401, json={"error": {"message": SENTINEL, "code": SENTINEL}})
    talk.step(chat_id)
    talk.client.get(f"{CHATS}/{chat_id}/messages?after_id={SENTINEL}")


@pytest.mark.rule(44)
@pytest.mark.parametrize(
    "happens",
    [
        connection_breaks,
        something_unforeseen_happens,
        a_server_speaks_of_secrets,
        an_authorization_server_speaks_of_secrets,
        the_database_speaks_of_secrets,
        a_request_is_full_of_secrets,
        a_hint_and_a_socket_bring_secrets,
        a_model_and_an_owner_speak_of_secrets,
    ],
)
def test_no_layers_error_carries_a_secret_into_the_log(
    talk: Talk, printed: Printed, happens: Callable[[Talk], None]
) -> None:
    happens(talk)
    text = printed()
    assert SENTINEL not in text
    assert SENTINEL[:12] not in text
    assert ADMIN_TOKEN not in text
    assert MCP_URL not in text
    assert any(each["message"] == "request" for each in lines_in(text))

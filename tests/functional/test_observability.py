"""What an operator reads of each invocation: its line, and the metrics in it."""

import json
from typing import Any

import httpx
import pytest

from chalicelib import events
from chalicelib.logs import FIELDS
from chalicelib.metrics import DIMENSIONS, UNITS
from tests.functional.test_tools_of_many import TOOLS, add_server
from tests.functional.test_turn_events import TICK
from tests.support import aws
from tests.support.deployment import ADMIN_TOKEN, Deployment
from tests.support.emf import metrics_of
from tests.support.journey import ISSUER, World
from tests.support.servers import SERVERS, server_body
from tests.support.sockets import connecting
from tests.support.tool_server import add_tools
from tests.support.turns import Talk, talking

TRACE = "1-5759e988-bd862e3fe1be46a994272793"


class Context:
    aws_request_id = "8f5c5f5e-0000-4000-8000-000000000001"


def last_line(deployment: Deployment, message: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in deployment.log_lines]
    found: dict[str, Any] = [line for line in lines if line["message"] == message][-1]
    return found


def hint(deployment: Deployment, chat_id: str) -> dict[str, Any]:
    """A worker gets a hint; the line that it leaves."""
    record = {"messageId": "m-1", "receiptHandle": "r", "body": json.dumps({"chat_id": chat_id})}
    deployment.app.handler_map["turns"]({"Records": [record]}, Context())
    return last_line(deployment, "turn")


def test_servers_that_are_asked_in_threads_count_for_the_request(world: World) -> None:
    for number in range(5):
        add_server(world, f"s{number}")
    world.internet.requests.clear()
    world.deployment.aws_calls.reset()
    with world.deployment.new_member() as mara:
        world.deployment.aws_calls.reset()
        mara.get(TOOLS).raise_for_status()
    line = last_line(world.deployment, "request")
    assert line["calls"]["outbound"] == len(world.internet.requests) >= 5
    assert line["OutboundCalls"] == line["calls"]["outbound"]
    sent = world.deployment.aws_calls.calls
    assert line["calls"]["dynamodb"] == sum(n for k, n in sent.items() if "dynamodb" in k)


def test_steps_tell_their_kind_model_tokens_cost_and_whose_they_are(talk: Talk) -> None:
    deployment = talk.world.deployment
    me = talk.client.get("/api/v2/users/me").json()["id"]
    server = add_tools(talk.world, "a", "look")
    chat_id = talk.start("use look", mcp_server_ids=[server.id])
    asked = hint(deployment, chat_id)
    called = hint(deployment, chat_id)
    answered = hint(deployment, chat_id)
    assert talk.chat(chat_id)["status"] == "waiting"
    assert [each["step"] for each in (asked, called, answered)] == ["model", "tools", "model"]
    for line in (asked, called, answered):
        assert (line["chat_id"], line["actor_id"], line["outcome"]) == (chat_id, me, "done")
        assert line["request_id"] == line["lambda_request_id"] == Context.aws_request_id
        assert line["calls"]["dynamodb"] == line["DynamoDBCalls"] > 2
    assert (called["ToolCalls"], "ToolCallFailures" in called) == (1, False)
    usage = [each["usage"] for each in talk.messages(chat_id) if each.get("usage")]
    assert [each["InputTokens"] for each in (asked, answered)] == [
        each["input_tokens"] for each in usage
    ]
    assert answered["OutputTokens"] == answered["output_tokens"] == usage[-1]["output_tokens"] > 0
    assert answered["model"] == "scripted"
    assert answered["model_config_id"] == talk.model_id
    assert "InputTokens" not in called


def test_cost_is_in_dollars(world: World) -> None:
    with talking(world, input_price=10**12) as talk:  # A dollar for each token.
        chat_id = talk.start("hello")
        line = hint(world.deployment, chat_id)
        micros = talk.messages(chat_id)[-1]["usage"]["cost_micros"]
    assert micros > 0
    assert line["Cost"] == line["cost"] == micros / 1_000_000 == line["InputTokens"]


def test_a_step_whose_model_fails_says_why_and_is_no_failure_of_ours(talk: Talk) -> None:
    talk.model_answers(500, text="upstream-text")
    chat_id = talk.start("hello")
    line = hint(talk.world.deployment, chat_id)
    assert (line["outcome"], line["level"]) == ("done", "INFO")
    assert line["code"]
    assert "FailedSteps" not in line
    assert "upstream-text" not in json.dumps(line)
    assert "code" not in hint(talk.world.deployment, chat_id)


def test_a_step_that_fails_is_counted_although_the_function_ends_well(talk: Talk) -> None:
    chat_id = talk.start("hello")
    aws.lose_table("models")
    line = hint(talk.world.deployment, chat_id)
    assert (line["outcome"], line["level"]) == ("failed", "ERROR")
    assert (line["code"], line["FailedSteps"]) == ("storage_unavailable", 1)


def test_a_tool_call_that_fails_is_counted(talk: Talk) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no", request=request)

    server = add_tools(talk.world, "a", "look")
    chat_id = talk.start("use look", mcp_server_ids=[server.id])
    hint(talk.world.deployment, chat_id)
    talk.world.internet.add_page(server.url, refuse)
    line = hint(talk.world.deployment, chat_id)
    assert (line["ToolCalls"], line["ToolCallFailures"], line["outcome"]) == (1, 1, "done")


@pytest.mark.parametrize("refused", [False, True], ids=["renewed", "refused"])
def test_refreshed_tokens_are_counted(world: World, *, refused: bool) -> None:
    server_id = world.connected()
    world.deployment.clock.advance(hours=2)
    if refused:
        answer = httpx.Response(400, json={"error": "invalid_grant"})
        world.internet.add_page(f"{ISSUER}/token", answer)
    world.list_tools(server_id)
    line = last_line(world.deployment, "request")
    assert line["TokenRefreshes"] == 1
    assert line.get("TokenRefreshFailures", 0) == refused


def test_a_key_service_that_answers_is_no_failure(world: World) -> None:
    with world.deployment.admin as admin:
        key = {"auth_type": "api_key", "api_key_header": "X-Key", "api_key_value": "sentinel"}
        assert admin.post(SERVERS, json=server_body(**key)).status_code == 201
    line = last_line(world.deployment, "request")
    assert line["KMSCalls"] == 1
    assert "EncryptionFailures" not in line


def test_a_key_service_that_refuses_is_counted(world: World) -> None:
    with world.deployment.admin as admin:
        world.deployment.aws_calls.refuse_after = 3
        key = {"auth_type": "api_key", "api_key_header": "X-Key", "api_key_value": "sentinel"}
        answer = admin.post(SERVERS, json=server_body(**key))
        world.deployment.aws_calls.refuse_after = None
    line = last_line(world.deployment, "request")
    assert (answer.status_code, line["code"]) == (503, "encryption_unavailable")
    assert (line["EncryptionFailures"], line["ServerErrors"]) == (1, 1)
    assert line["aws_code"] == "AccessDeniedException"


def test_a_database_that_refuses_says_why_in_the_log_and_not_to_the_caller(world: World) -> None:
    with world.deployment.admin as admin:
        world.deployment.aws_calls.refuse_after = 2
        answer = admin.get(SERVERS)
        world.deployment.aws_calls.refuse_after = None
    line = last_line(world.deployment, "request")
    assert (answer.status_code, line["code"]) == (503, "storage_unavailable")
    assert line["aws_code"] == "AccessDeniedException"
    assert "AccessDenied" not in answer.text


def test_the_clock_s_line_tells_each_failed_task(deployment: Deployment) -> None:
    tick = deployment.app.handler_map["reaper"]
    tick(TICK, Context())
    line = last_line(deployment, "reaper")
    assert (line["outcome"], line["woken"], line["files"]) == ("done", 0, 0)
    aws.lose_table("chats")
    events.clear_up(deployment.services)
    line = last_line(deployment, "reaper")
    assert (line["outcome"], line["FailedTasks"]) == ("failed", 2)


def test_a_socket_s_line_tells_whose_it_is(talk: Talk) -> None:
    chat_id = talk.start("hello")
    talk.world.deployment.attend(connecting("c1=", chat_id, ADMIN_TOKEN))
    line = last_line(talk.world.deployment, "socket")
    assert (line["function"], line["event"], line["status"]) == ("follow", "CONNECT", 200)
    assert line["actor_id"] == talk.client.get("/api/v2/users/me").json()["id"]
    assert line["calls"]["dynamodb"] >= 2


def test_dynamodb_is_asked_with_each_call_what_it_consumes(talk: Talk) -> None:
    """Moto does not say it of transactions; DynamoDB does, if it is asked."""
    asked: dict[str, set[object]] = {}

    def remember(params: dict[str, Any], model: Any, **_: Any) -> None:
        wanted = json.loads(params["body"]).get("ReturnConsumedCapacity")
        asked.setdefault(model.name, set()).add(wanted)

    events_of = talk.world.deployment.database.connection.client.meta.events
    events_of.register("before-call.dynamodb", remember)
    server = add_tools(talk.world, "a", "look")
    talk.ask("use look", mcp_server_ids=[server.id])
    assert {"GetItem", "Query", "BatchGetItem", "TransactWriteItems", "PutItem"} <= asked.keys()
    assert all(wanted == {"TOTAL"} for wanted in asked.values())


def test_the_trace_is_on_the_line_and_goes_to_nobody_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "ciborium-prod-api")
    server_id = world.connected()
    world.deployment.clock.advance(hours=2)
    assert world.list_tools(server_id).status_code == 200
    assert last_line(world.deployment, "request")["trace_id"] == TRACE
    assert len(world.internet.requests) >= 2
    sent = "".join(f"{each.headers} {each.content!r}" for each in world.internet.requests)
    assert "trace" not in sent.lower()
    assert TRACE not in sent


def test_no_line_of_all_these_has_a_field_that_is_not_declared(talk: Talk) -> None:
    server_id = talk.world.connected()
    talk.ask('use search {"q": 1}', mcp_server_ids=[server_id])
    known = {"time", "level", "message", "_aws", *DIMENSIONS, *FIELDS, *UNITS}
    for text in talk.world.deployment.log_lines:
        line = json.loads(text)
        assert line.keys() <= known
        if line["message"] == "request":
            assert metrics_of(line)["Requests"] == 1

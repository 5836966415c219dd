"""The packaged Lambda, deployed from the real template, reached through its API Gateway."""

import json
import re
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websocket

from chalicelib.primitives import new_id
from chalicelib.sdk import Client
from chalicelib.sdk.chats import ChatStatus, StreamEventType
from chalicelib.sdk.requests.chats import CreateChatRequest, InputPart, TextPart
from infra import package
from infra.deploy_local import DeployedStack, deployed_stack
from infra.local.demo import DemoServer
from infra.local.models import ensure_model
from infra.local.scripted_model import ScriptedModel
from infra.releases import read_package
from infra.template import ARCHIVE, functions
from tests.support.chat_journey import ask, start
from tests.support.emf import metrics_of
from tests.support.local_stack import main_job
from tests.support.mcp_peers import running_mcp_server
from tests.support.servers import create_server
from tests.support.socket_journey import (
    connections_of,
    messages_until_rest,
    open_socket,
    wait_until_nobody_follows,
)

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != package.PYTHON,
    reason="Chalice packages for the Python that it runs in, and the Lambda's is 3.13",
)
TICK = {
    "version": "0",
    "id": "0b1f0f5e-0000-4000-8000-000000000000",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-11-25T00:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}
FORBIDDEN = (
    "boto3/",
    "mcp/",
    "moto/",
    "tests/",
    "infra/",
    "pip/",
    "setuptools/",
    ".env",
    "fastmcp",
)


@pytest.fixture(scope="module")
def stack(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStack]:
    """What `make package` makes, deployed."""
    with deployed_stack(tmp_path_factory.mktemp("aws")) as deployed:
        yield deployed


@pytest.fixture
def demo_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    """A real OAuth2-protected MCP server in a process of its own."""
    monkeypatch.setenv("CIBORIUM_DEMO_PORT", "0")
    server = DemoServer(tmp_path)
    server.start()
    yield server
    server.stop()


def dump_of_all_tables(stack: DeployedStack) -> str:
    client = stack.aws.client("dynamodb")
    tables = client.list_tables()["TableNames"]
    items = [item for table in tables for item in client.scan(TableName=table)["Items"]]
    return repr([value for item in items for typed in item.values() for value in typed.values()])


def test_the_main_job_works_on_the_deployed_stack_and_its_tables_hold_no_secret(
    stack: DeployedStack, demo_server: DemoServer, tmp_path: Path
) -> None:
    with ScriptedModel() as model, Client(stack.url, stack.admin_token) as client:
        ensure_model(client, model.base_url, "", "scripted")
        made = main_job(stack.url, stack.admin_token, demo_server.url)
    dump = dump_of_all_tables(stack)
    assert made["server_id"] in dump
    clients = json.loads((tmp_path / "demo-clients.json").read_text(encoding="utf-8"))
    assert [len(clients), bool(clients[0]["client_secret"])] == [1, True]
    # FastMCP's in-memory provider makes tokens that begin like this.
    for secret in (clients[0]["client_secret"], "test_access_token", "test_refresh_token"):
        assert secret not in dump
    assert made["token"] not in dump
    assert stack.admin_token not in dump


def test_models_are_set_up_on_the_deployed_stack(stack: DeployedStack) -> None:
    """Their fixed paths stand beside that of a chat, and the role may use their table."""
    headers = _authorization(stack)
    base = f"{stack.url}/api/experimental/chats"
    with httpx.Client(timeout=30, headers=headers) as admin:
        provider = {"provider": "openai", "display_name": "O", "api_key": "sentinel-model-key"}
        provider_id = admin.post(f"{base}/providers", json=provider).json()["id"]
        model = {"provider_id": provider_id, "model": "m", "context_limit": 1000}
        config_id = admin.post(f"{base}/model-configs", json=model).json()["id"]
        assert config_id in [each["id"] for each in admin.get(f"{base}/models").json()]
        assert "sentinel-model-key" not in dump_of_all_tables(stack)
        for path in (f"model-configs/{config_id}", f"providers/{provider_id}"):
            assert admin.delete(f"{base}/{path}").status_code == 204


def test_a_chat_is_answered_with_a_tool_on_the_deployed_stack(stack: DeployedStack) -> None:
    """Through API Gateway, the queue and the turns function, to a model and a server outside."""
    with (
        running_mcp_server() as mcp_url,
        ScriptedModel() as model,
        httpx.Client(base_url=stack.url, headers=_authorization(stack)) as admin,
        Client(stack.url, stack.admin_token) as client,
    ):
        ensure_model(client, model.base_url, "", "scripted")
        server = create_server(admin, slug="sums", url=mcp_url, auth_type="none", enabled=True)
        session, first = start(client, 'use add {"a": 19, "b": 23}', server["id"])
        assert (first.status, [each.is_error for each in first.results]) == ("waiting", [False])
        assert "sums__add answered: 42" in first.text
        second = ask(session, "Thank you")
        assert (second.status, second.text) == ("waiting", "You said: Thank you")
        assert [each.id for each in first.messages + second.messages] == list(range(1, 7))


def test_the_deployed_stack_is_healthy_and_ready(stack: DeployedStack) -> None:
    with httpx.Client(timeout=30) as client:
        for path in ("/healthz", "/readyz"):
            answer = client.get(stack.url + path)
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        info = client.get(f"{stack.url}/api/v2/buildinfo").json()
        assert info["dashboard_url"] == stack.url


def test_the_deployed_stack_refuses_in_the_one_error_shape(stack: DeployedStack) -> None:
    with httpx.Client(timeout=30) as client:
        answer = client.get(f"{stack.url}/api/v2/users/me")
    assert answer.status_code == 401
    assert answer.json()["code"] == "missing_token"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_the_zip_holds_what_lambda_needs_and_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(built / ARCHIVE) as archive:
        names = archive.namelist()
    assert "app.py" in names
    assert "__pycache__/app.cpython-313.pyc" in names
    assert not [name for name in names if name.startswith(FORBIDDEN)]
    assert "chalicelib/sdk/mcp_servers.py" in names
    assert not [
        name for name in names if re.match("chalicelib/sdk/(cli|client|interchange|methods)", name)
    ]
    services = {
        name.split("/")[2]
        for name in names
        if name.startswith("botocore/data/") and name.count("/") > 2
    }
    assert services == {"apigatewaymanagementapi", "dynamodb", "kms", "sqs", "sts"}
    sources = {name for name in names if name.endswith(".py")}
    compiled = {name for name in names if name.endswith(".pyc")}
    assert len(sources) == len(compiled)
    assert (built / ARCHIVE).stat().st_size < 20_000_000


@pytest.mark.parametrize(
    "missing", ["pydantic_core/", "chalicelib/sdk/retrying", "cryptography/", "joserfc/", "httpx/"]
)
def test_a_package_that_does_not_import_is_not_shipped(
    built: Path, tmp_path: Path, missing: str
) -> None:
    """Neither for the app nor for what only a turn, or the first sealed value, needs."""
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(built / ARCHIVE) as whole, zipfile.ZipFile(broken, "w") as partly:
        for name in whole.namelist():
            if not name.startswith(missing):
                partly.writestr(name, whole.read(name))
    with pytest.raises(package.PackageError, match=re.sub(r"\W+", ".", missing.strip("/"))):
        package.smoke_test(broken)


def test_the_template_asks_for_no_more_than_it_needs(built: Path) -> None:
    template = read_package(built).template
    roles = [each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    statements = [
        statement
        for role in roles
        for policy in role["Properties"].get("Policies", ())
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert statements
    for statement in statements:
        for name in ("Action", "Resource"):
            for each in _as_list(statement[name]):
                # Which connections there are shows only at run time.
                varies = statement["Sid"] == "PushToSockets"
                assert (varies and name == "Resource") or "*" not in json.dumps(each), statement
    limits = {}
    for function in functions(template):
        assert function["Runtime"] == "python3.13"
        variables = function["Environment"]["Variables"]
        assert all(name.startswith("CIBORIUM_") for name in variables)
        limits[function["FunctionName"]["Fn::Sub"]] = (function["MemorySize"], function["Timeout"])
    assert limits == {
        "ciborium-${Stage}-api": (1024, 29),
        "ciborium-${Stage}-turns": (1024, 180),
        "ciborium-${Stage}-reaper": (512, 60),
        "ciborium-${Stage}-follow": (1024, 15),
    }


def test_the_turns_function_takes_hints_one_by_one_from_the_stages_own_queue(built: Path) -> None:
    template = read_package(built).template
    [event] = template["Resources"]["Turns"]["Properties"]["Events"].values()
    assert event["Type"] == "SQS"
    properties = event["Properties"]
    assert properties["Queue"] == {"Fn::GetAtt": ["TurnsQueue", "Arn"]}
    assert properties["BatchSize"] == 1
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "StepsAtOnce"}}


def test_a_hint_in_the_queue_reaches_the_deployed_turns_function(stack: DeployedStack) -> None:
    chat_id = new_id()
    sqs = stack.aws.client("sqs")
    url = sqs.get_queue_url(QueueName="ciborium-local-turns")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"chat_id": chat_id}))
    line = wait_for_log_line(stack, "ciborium-local-turns", "turn", chat_id=chat_id)
    assert line["level"] == "INFO"
    assert (line["Stage"], line["Function"]) == ("local", "turns")
    assert metrics_of(line)["DynamoDBCalls"] == line["calls"]["dynamodb"]
    assert line["request_id"] == line["lambda_request_id"]


def test_the_clock_starts_the_deployed_reaper(stack: DeployedStack) -> None:
    """The schedule is there and aims at the function, which answers when it is called like that."""
    events, functions = stack.aws.client("events"), stack.aws.client("lambda")
    reaper = functions.get_function(FunctionName="ciborium-local-reaper")["Configuration"]
    live = f"{reaper['FunctionArn']}:live"
    [rule] = events.list_rule_names_by_target(TargetArn=live)["RuleNames"]
    described = events.describe_rule(Name=rule)
    assert (described["ScheduleExpression"], described["State"]) == ("rate(1 minute)", "ENABLED")
    answer = functions.invoke(FunctionName=live, Payload=json.dumps(TICK))
    assert "FunctionError" not in answer
    assert wait_for_log_line(stack, reaper["FunctionName"], "reaper")["woken"] == 0


def test_a_turn_is_followed_through_a_websocket_on_the_deployed_stack(
    stack: DeployedStack,
) -> None:
    """By a real client of the WebSocket API; then by the SDK, which needs no telling."""
    with ScriptedModel() as model, Client(stack.url, stack.admin_token) as client:
        ensure_model(client, model.base_url, "", "scripted")
        chats = client.experimental
        words: list[InputPart] = [TextPart(type="text", text="hello")]
        chat_id = chats.create_chat(
            CreateChatRequest(organization_id=stack.organization_id, content=words)
        ).id
        session = chats.chat(chat_id)
        assert list(session.stream())[-1].status is ChatStatus.WAITING

        address = f"{client.get_build_info().chat_stream_url}?chat_id={chat_id}"
        for token in ("", "garbage"):
            with pytest.raises(websocket.WebSocketBadStatusException):
                open_socket(address, token)
        follower = open_socket(address, stack.admin_token)
        ticket = chats.create_chat_stream_ticket(chat_id)
        browser = open_socket(ticket.url)
        with pytest.raises(websocket.WebSocketBadStatusException):
            open_socket(ticket.url)

        session.send("a story that takes its time, and then some more of it #model:slow")
        most, answer = 0, []
        for event in session.stream():
            answer += [event.message.role] if event.message else []
            most = max(most, len(connections_of(stack, chat_id)))
        assert most == 3, "the follower, the browser and the SDK"
        assert answer == ["user", "assistant"]
        for socket in (follower, browser):
            pushed = [event for each in messages_until_rest(socket) for event in each.data]
            kinds = [event.type for event in pushed]
            assert kinds.count(StreamEventType.MESSAGE_PART) > 1
            assert kinds[-3:] == ["message", "queue_update", "status"]
            socket.close()
        wait_until_nobody_follows(stack, chat_id)


def wait_for_log_line(
    stack: DeployedStack, function: str, message: str, **fields: str
) -> dict[str, Any]:
    """The first line in a function's log like this; ministack looks at queues each second."""
    wanted = {"message": message, **fields}
    logs = stack.aws.client("logs")
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        for event in found:
            line = json.loads(event["message"]) if event["message"].startswith("{") else {}
            if wanted.items() <= line.items():
                return dict(line)
        time.sleep(0.2)
    raise AssertionError(f"{function} logged nothing like {wanted}")


def _authorization(stack: DeployedStack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.admin_token}"}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

"""What every request gets: one error body, headers, a log line, and nothing that leaks."""

import json
import re
from collections import defaultdict

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.api import ROUTES
from chalicelib.api.routing import Route
from tests.support import aws
from tests.support.deployment import ADMIN_TOKEN, Deployment, error_of, start_deployment
from tests.support.servers import SERVERS, server_body


def test_health_asks_for_nothing_and_build_info_tells_the_version(deployment: Deployment) -> None:
    with deployment.client() as anybody:
        assert anybody.get("/healthz").json() == {"status": "ok"}
        info = anybody.get("/api/v2/buildinfo").json()
    assert info == {
        "version": "0.1.0",
        "dashboard_url": "https://ciborium.example/prod",
        "chat_stream_url": "wss://stream.ciborium.example/api",
    }


def test_ready_means_that_dynamodb_and_kms_answer(deployment: Deployment) -> None:
    assert deployment.client().get("/readyz").json() == {"status": "ok"}


def test_not_ready_names_what_is_missing(local_aws: None) -> None:
    class NoKMS:
        def describe_key(self, **_: object) -> object:
            raise EndpointConnectionError(endpoint_url="https://kms")

    deployment = start_deployment(kms_client=NoKMS)
    answer = deployment.client().get("/readyz")
    assert error_of(answer) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"
    assert "KMS" in answer.json()["message"]
    assert "DynamoDB" not in answer.json()["message"]


def test_a_lost_table_is_503_everywhere_and_names_no_internals(deployment: Deployment) -> None:
    aws.lose_table("servers")
    with deployment.admin as admin:
        for answer in (admin.get(SERVERS), admin.post(SERVERS, json=server_body())):
            assert error_of(answer) == (503, "storage_unavailable")
            assert "ResourceNotFound" not in answer.text
    aws.lose_table("identity")
    assert "DynamoDB" in deployment.client().get("/readyz").json()["message"]


def test_an_unforeseen_fault_is_500_without_its_text(deployment: Deployment) -> None:
    table = aws.client("dynamodb")
    with deployment.admin as admin:
        admin.post(SERVERS, json=server_body())
        item = table.scan(TableName=f"ciborium-{aws.STAGE}-servers")["Items"]
        server = next(each for each in item if each["PK"]["S"] == "SERVER")
        server["transport"] = {"S": "sentinel-in-the-exception"}
        table.put_item(TableName=f"ciborium-{aws.STAGE}-servers", Item=server)
        answer = admin.get(SERVERS)
    assert error_of(answer) == (500, "internal")
    line = json.loads(deployment.log_lines[-1])
    assert line["level"] == "ERROR"
    assert line["exception"] == "ValueError"
    assert "sentinel" not in deployment.log_lines[-1]
    assert "sentinel" not in answer.text


def test_the_frameworks_own_refusals_have_our_shape(deployment: Deployment) -> None:
    with deployment.admin as admin:
        assert error_of(admin.put(SERVERS, json={})) == (405, "method_not_allowed")
        wrong = admin.post(SERVERS, content="a=b", headers={"Content-Type": "text/plain"})
        assert error_of(wrong) == (415, "unsupported_media_type")
    line = json.loads(deployment.log_lines[-1])
    assert (line["status"], line["code"]) == (415, "unsupported_media_type")
    assert line["route"] == SERVERS


def test_every_answer_carries_its_request_id_and_is_kept_by_no_cache(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin:
        for path in ("/healthz", SERVERS, "/login", f"{SERVERS}/garbage"):
            answer = admin.get(path)
            assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_each_request_leaves_one_line_that_says_who_did_what(deployment: Deployment) -> None:
    with deployment.admin as admin:
        me = admin.get("/api/v2/users/me").json()["id"]
        deployment.log_lines.clear()
        answer = admin.get(f"{SERVERS}/garbage?token={ADMIN_TOKEN}")
    (text,) = deployment.log_lines
    line = json.loads(text)
    changing = {
        "time",
        "duration_ms",
        "Duration",
        "lambda_request_id",
        "cold_start",
        "ColdStarts",
        "_aws",
    }
    assert {name: line[name] for name in line.keys() - changing} == {
        "level": "INFO",
        "message": "request",
        "function": "api",
        "request_id": answer.headers["x-request-id"],
        "method": "GET",
        "route": f"{SERVERS}/{{server_id}}",
        "status": 400,
        "actor_id": me,
        "code": "invalid_mcp_server_id",
        "calls": {"dynamodb": 1},
        "units": {"read": line["ReadUnits"]},
        "Stage": aws.STAGE,
        "Function": "api",
        "Requests": 1,
        "ServerErrors": 0,
        "DynamoDBCalls": 1,
        "ReadUnits": line["ReadUnits"],
    }


PUBLIC = {
    "GET /healthz",
    "GET /readyz",
    "GET /api/v2/buildinfo",
    "GET /api/v2/openapi.json",
    "GET /login",
    "POST /api/v2/users/login",
    "GET /api/v2/users/oidc/login",
    "GET /api/v2/users/oidc/callback",
    "GET /api/experimental/mcp/servers/{server_id}/oauth2/client-metadata.json",
}
CLOSED = [route for route in ROUTES if f"{route.method} {route.path}" not in PUBLIC]


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: f"{route.method} {route.path}")
def test_nobody_gets_past_the_door_without_a_token(deployment: Deployment, route: Route) -> None:
    path = re.sub(r"{\w+}", "garbage", route.path)
    json_type = {"Content-Type": "application/json"}
    answer = deployment.client().request(route.method, path, content=b"{", headers=json_type)
    assert error_of(answer) == (401, "missing_token")


def test_api_gateway_can_tell_the_routes_apart() -> None:
    """Two names for a variable at one place pass Chalice and fail at API Gateway."""
    names = defaultdict(set)
    for route in ROUTES:
        parts = route.path.split("/")
        for position, part in enumerate(parts):
            if part.startswith("{"):
                names["/".join(parts[:position])].add(part)
    assert all(len(each) == 1 for each in names.values()), names

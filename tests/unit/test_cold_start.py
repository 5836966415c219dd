"""What a fresh Lambda loads before its first answer: counted, since times vary."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.api import ROUTES
from chalicelib.api.homes import find_home

ROOT = Path(__file__).parents[2]
# Each of them takes as long to load as all that a plain request needs, or is never needed for one.
HEAVY = {"cryptography", "httpx", "joserfc", "anyio", "boto3", "mcp"}
AWS_CLIENT = {"botocore", "pynamodb", "urllib3"}
FIRST_REQUEST = """
import json, sys
import app
known = set(sys.modules)
answer = app.app({event!r}, None)
print(json.dumps([answer["statusCode"], sorted(known), sorted(sys.modules)]))
"""


def modules_of_first_request(path: str, **variables: str) -> tuple[int, set[str], set[str]]:
    """The first answer's status, and the modules that were loaded before and after it."""
    event: dict[str, Any] = {
        "httpMethod": "GET",
        "headers": {"authorization": "Bearer " + "t" * 40},
        "multiValueQueryStringParameters": None,
        "pathParameters": {"user_id": "me"} if "{" in path else None,
        "stageVariables": None,
        "requestContext": {"resourcePath": path, "httpMethod": "GET", "path": path},
        "body": None,
        "isBase64Encoded": False,
    }
    environment = {
        "PYTHONPATH": str(ROOT),
        "AWS_LAMBDA_FUNCTION_NAME": "ciborium-test-api",
        "CIBORIUM_STAGE": "test",
        "CIBORIUM_PUBLIC_URL": "https://ciborium.example",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # Where nobody listens.
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-s", "-B", "-c", FIRST_REQUEST.format(event=event)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    status, before, after = json.loads(done.stdout.splitlines()[-1])
    return status, set(before), set(after)


def test_importing_the_app_loads_neither_views_nor_services_nor_clients() -> None:
    _, before, _ = modules_of_first_request("/healthz")
    assert not {each.partition(".")[0] for each in before} & (HEAVY | AWS_CLIENT | {"pydantic"})
    ours = {each for each in before if each.startswith("chalicelib.")}
    loaded = sorted(each for each in ours if each.endswith((".service", ".repository", ".items")))
    assert loaded == []
    assert len(ours) < 30


def test_a_plain_request_loads_its_view_and_no_client_of_aws() -> None:
    status, _, after = modules_of_first_request("/healthz")
    assert status == 200
    assert not {each.partition(".")[0] for each in after} & (HEAVY | AWS_CLIENT)
    assert len([each for each in after if each.startswith("chalicelib.")]) < 50


def test_a_request_with_a_token_loads_who_somebody_is_and_no_other_feature() -> None:
    """It ends where the credential would be read, since there is no DynamoDB."""
    status, _, after = modules_of_first_request("/api/v2/users/{user_id}")
    assert status == 503
    assert not {each.partition(".")[0] for each in after} & HEAVY
    others = ("turns", "chats", "mcp_client", "mcp_servers", "oauth2", "oidc", "egress", "usage")
    assert not after & {f"chalicelib.{each}" for each in others}


def test_a_process_that_nobody_waits_for_loads_all_views_beforehand() -> None:
    _, before, _ = modules_of_first_request("/healthz", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    assert {"chalicelib.api.chats", "chalicelib.api.mcp_tools"} <= before


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_routes_module_is_found_by_its_path(route: Any) -> None:
    assert f"chalicelib.api.{find_home(route.path)}" == route.view.__module__


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/v2/nothing", "/healthzz"])
def test_a_path_that_nobody_offers_has_no_module(path: str) -> None:
    assert find_home(path) is None

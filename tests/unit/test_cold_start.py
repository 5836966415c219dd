"""What a fresh Lambda loads before its first answer: counted, since times vary."""

from typing import Any

import pytest

from chalicelib.api import ROUTES
from chalicelib.api.homes import find_home
from tests.support.first_request import FirstRequest, make_first_request

# Each of them takes as long to load as all that a plain request needs, or is never needed for one.
HEAVY = {"pydantic", "cryptography", "httpx", "joserfc", "anyio", "boto3", "mcp"}
AWS_CLIENT = {"botocore", "pynamodb", "urllib3"}
NOWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}  # Where nobody listens.


def first_request(path: str, **variables: str) -> FirstRequest:
    parameters = {"user_id": "me"} if "{" in path else {}
    return make_first_request(path, {**NOWHERE, **variables}, parameters, "t" * 40)


def ours(modules: frozenset[str]) -> set[str]:
    return {each for each in modules if each.startswith("chalicelib.")}


def test_importing_the_app_loads_neither_views_nor_services_nor_clients() -> None:
    before = first_request("/healthz").before
    assert not {each.partition(".")[0] for each in before} & (HEAVY | AWS_CLIENT)
    loaded = sorted(
        each for each in ours(before) if each.endswith((".service", ".repository", ".items"))
    )
    assert loaded == []
    assert len(ours(before)) < 30


def test_a_plain_request_loads_its_view_and_no_client_of_aws() -> None:
    request = first_request("/healthz")
    assert request.status == 200
    assert not request.packages & (HEAVY | AWS_CLIENT)
    assert len(ours(request.after)) < 50


def test_a_request_with_a_token_loads_who_somebody_is_and_no_other_feature() -> None:
    """It ends where the credential would be read, since there is no DynamoDB."""
    request = first_request("/api/v2/users/{user_id}")
    assert request.status == 503
    assert not request.packages & HEAVY
    others = ("turns", "chats", "mcp_client", "mcp_servers", "oauth2", "oidc", "egress", "usage")
    assert not request.after & {f"chalicelib.{each}" for each in others}


@pytest.mark.parametrize("path", ["/healthz", "/nothing"])
def test_no_garbage_is_looked_for_until_the_first_answer(path: str) -> None:
    request = first_request(path)
    assert (request.collected_before, request.collects_after) == (False, True)


def test_a_process_that_nobody_waits_for_loads_all_views_beforehand() -> None:
    request = first_request("/healthz", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    assert {"chalicelib.api.chats", "chalicelib.api.mcp_tools"} <= request.before
    assert request.collected_before


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_routes_module_is_found_by_its_path(route: Any) -> None:
    assert f"chalicelib.api.{find_home(route.path)}" == route.view.__module__


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/v2/nothing", "/healthzz"])
def test_a_path_that_nobody_offers_has_no_module(path: str) -> None:
    assert find_home(path) is None

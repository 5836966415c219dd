"""The OpenAPI document.

Whether answers are as documented, every functional test checks (`tests/support/contract.py`).
"""

import httpx
import pytest
from openapi_spec_validator import validate

from chalicelib.api import ROUTES
from tests.support.contract import ContractError, check_answer, document
from tests.support.deployment import Deployment
from tests.support.people import ME
from tests.support.servers import NOWHERE

PATH = "/api/v2/openapi.json"
WITHOUT_BODY = {
    *("logout", "rediscover", "suspend_user", "activate_user", "add_group_member"),
    *("create_stream_ticket", "interrupt_chat", "promote_queued", "retry_chat", "regenerate_title"),
}


def test_the_document_is_there_for_anybody_and_is_valid(deployment: Deployment) -> None:
    served = deployment.client().get(PATH).json()
    validate(served)
    assert served["openapi"].startswith("3.1")
    assert served == document()
    assert served["servers"] == [{"url": "https://ciborium.example/prod"}]


def test_a_client_that_has_the_document_does_not_get_it_again(deployment: Deployment) -> None:
    with deployment.client() as anybody:
        first = anybody.get(PATH)
        again = anybody.get(PATH, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "public, max-age=300"


def test_every_route_says_what_it_answers() -> None:
    silent = [route.path for route in ROUTES if route.reply is None and route.status == 200]
    assert silent == []


def test_every_route_that_takes_a_body_says_which() -> None:
    silent = {
        route.view.__name__
        for route in ROUTES
        if route.method in {"POST", "PUT", "PATCH"} and not (route.body or route.images)
    }
    assert silent == WITHOUT_BODY


def test_programs_can_name_every_operation_and_type() -> None:
    operations = [each for path in document()["paths"].values() for each in path.values()]
    names = {each["operationId"] for each in operations}
    assert len(names) == len(operations) == len(ROUTES)
    assert all(each["summary"] for each in operations)
    assert all(name.isalnum() for name in document()["components"]["schemas"])


def test_only_what_is_public_asks_for_no_credentials() -> None:
    paths = document()["paths"]
    for route in ROUTES:
        security = paths[route.path][route.method.lower()]["security"]
        assert (security == []) is route.public, route.path


ERROR = {"message": "No.", "code": "no", "request_id": "1"}
USER = {
    "id": NOWHERE,
    **dict.fromkeys(("username", "name", "email"), "x"),
    "status": "active",
    "roles": [],
    "organization_ids": [],
    **dict.fromkeys(("created_at", "updated_at"), "2026-11-24T12:00:00Z"),
}
GOOD = {"X-Request-Id": "1"}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(418, json=ERROR, headers=GOOD),
        httpx.Response(200, json=ERROR, headers=GOOD),
        httpx.Response(200, json={**USER, "roles": None}, headers=GOOD),
        httpx.Response(200, json={**USER, "status": "asleep"}, headers=GOOD),
        httpx.Response(200, json={**USER, "id": "17"}, headers=GOOD),
        httpx.Response(200, json={**USER, "created_at": "yesterday"}, headers=GOOD),
        httpx.Response(200, json=USER),
        httpx.Response(200, text="<html>", headers={**GOOD, "Content-Type": "text/html"}),
        httpx.Response(200, json=USER, headers={**GOOD, "ETag": '"1"'}),
        httpx.Response(200, headers=GOOD),
        httpx.Response(404, json={"message": "No."}, headers=GOOD),
    ],
)
def test_an_answer_that_is_not_as_documented_is_noticed(answer: httpx.Response) -> None:
    check_answer("GET", ME, httpx.Response(200, json=USER, headers=GOOD))
    check_answer("GET", ME, httpx.Response(404, json=ERROR, headers=GOOD))
    with pytest.raises(ContractError):
        check_answer("GET", ME, answer)

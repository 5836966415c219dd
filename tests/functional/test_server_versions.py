"""Entity tags of servers: a change that would undo somebody else's is refused."""

import httpx
import pytest

from tests.support import aws
from tests.support.deployment import Deployment, error_of
from tests.support.servers import SERVERS, create_server, server_body


def test_every_answer_about_one_server_names_its_version(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        created = admin.post(SERVERS, json=server_body(enabled=True))
        path = f"{SERVERS}/{created.json()['id']}"
        assert [each.headers["etag"] for each in (created, admin.get(path), mara.get(path))] == [
            '"1"'
        ] * 3
        assert admin.patch(path, json={"description": "New"}).headers["etag"] == '"2"'
        assert admin.get(path).headers["etag"] == '"2"'
        assert "etag" not in admin.get(SERVERS).headers


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('"2"', 200),
        ("*", 200),
        ("", 200),
        ('"7", "2"', 200),
        ('"1" ,"2"', 200),
        ('"1"', 409),
        ('W/"2"', 409),
        ('"02"', 409),
        ('"two"', 409),
        ('""', 409),
        ("2", 400),
        ('"2', 400),
        ('"1" "2"', 400),
        ('"2",', 400),
        ("*, *", 400),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_happens_only_to_the_version_that_it_names(
    deployment: Deployment, method: str, if_match: str, status: int
) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin)['id']}"
        admin.patch(path, json={"description": "Second"})
        answer = _send(admin, method, path, if_match)
        assert answer.status_code == (204 if (method, status) == ("DELETE", 200) else status)
        if status >= 400:
            code = "mcp_server_changed" if status == 409 else "invalid_if_match"
            assert error_of(answer) == (status, code)
            assert admin.get(path).headers["etag"] == '"2"'


def test_of_two_changes_of_one_version_the_second_is_refused(deployment: Deployment) -> None:
    with deployment.admin as one, deployment.admin as other:
        path = f"{SERVERS}/{create_server(one)['id']}"
        read = {"If-Match": one.get(path).headers["etag"]}
        assert other.patch(path, json={"description": "Theirs"}, headers=read).status_code == 200
        refused = one.patch(path, json={"description": "Mine"}, headers=read)
        assert error_of(refused) == (409, "mcp_server_changed")
        assert one.get(path).json()["description"] == "Theirs"


def test_who_may_change_nothing_learns_nothing_of_versions(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        path = f"{SERVERS}/{create_server(admin, enabled=True)['id']}"
        for method in ("PATCH", "DELETE"):
            assert error_of(_send(mara, method, path, '"9"')) == (403, "not_allowed")


def test_an_interrupted_deletion_is_finished_by_the_very_same_request(
    deployment: Deployment,
) -> None:
    """Hiding the server has made another version than the one that the request names."""
    with deployment.admin as admin:
        server_id = create_server(admin)["id"]
        aws.client("dynamodb").update_item(
            TableName=f"ciborium-{aws.STAGE}-servers",
            Key={"PK": {"S": "SERVER"}, "SK": {"S": server_id}},
            UpdateExpression="SET deleting = :yes, version = :two",
            ExpressionAttributeValues={":yes": {"BOOL": True}, ":two": {"N": "2"}},
        )
        path = f"{SERVERS}/{server_id}"
        assert _send(admin, "DELETE", path, '"1"').status_code == 204
        assert error_of(_send(admin, "DELETE", path, '"1"')) == (404, "mcp_server_not_found")


def _send(client: httpx.Client, method: str, path: str, if_match: str) -> httpx.Response:
    headers = {"If-Match": if_match} if if_match else {}
    return client.request(method, path, json={"description": "Third"}, headers=headers)

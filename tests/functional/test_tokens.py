"""API tokens and sessions: scoped, expiring, listed, revoked."""

from typing import Any

import httpx
import pytest

from tests.support.deployment import ADMIN_TOKEN, Deployment, error_of
from tests.support.journey import World
from tests.support.people import (
    ME,
    ORGANIZATIONS,
    ORIGIN,
    USERS,
    default_organization,
    new_person,
)
from tests.support.servers import NOWHERE, SERVERS, server_body

TOKENS = f"{ME}/keys/tokens"
CHATS = "/api/experimental/chats"


def make_token(client: httpx.Client, **body: Any) -> str:
    answer = client.post(TOKENS, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def test_tokens_and_sessions_are_listed_without_what_is_secret(deployment: Deployment) -> None:
    mara = new_person(deployment)
    browser = mara.sign_in()
    with mara.client as client:
        key = make_token(client, token_name="ci", lifetime=3600, scopes=["read", "mcp", "read"])
        answer = client.get(TOKENS)
        listed = {each["token_name"]: each for each in answer.json()}
        assert [each["kind"] for each in answer.json()] == ["api", "session", "api"]
        ci = listed["ci"]
        assert client.get(f"{ME}/keys/{ci['id']}").json() == ci
    assert ci == {
        "id": ci["id"],
        "token_name": "ci",
        "kind": "api",
        "scopes": ["read", "mcp"],
        "created_at": "2026-11-23T12:00:00Z",
        "expires_at": "2026-11-23T13:00:00Z",
    }
    for secret in (key, mara.token, browser.cookies["__Host-ciborium_session"]):
        assert secret not in answer.text


def test_a_revoked_token_is_worth_nothing_at_once_and_neither_are_its_sessions(
    deployment: Deployment,
) -> None:
    mara = new_person(deployment)
    browser, other = mara.sign_in(), make_token(mara.client)
    (first, *_) = mara.get(TOKENS).json()
    assert mara.client.delete(f"{ME}/keys/{first['id']}").status_code == 204
    assert error_of(mara.get(ME)) == (401, "invalid_token")
    assert error_of(browser.get(ME)) == (401, "invalid_token")
    with deployment.client(other) as client:
        assert len(client.get(TOKENS).json()) == 1
        assert error_of(client.delete(f"{ME}/keys/{first['id']}")) == (404, "token_not_found")


def test_a_session_is_revoked_alone(deployment: Deployment) -> None:
    mara = new_person(deployment)
    browser, other = mara.sign_in(), mara.sign_in()
    session = mara.get(TOKENS).json()[1]["id"]
    assert other.delete(f"{ME}/keys/{session}", headers=ORIGIN).status_code == 204
    assert error_of(browser.get(ME)) == (401, "invalid_token")
    assert mara.get(ME).status_code == other.get(ME).status_code == 200


def test_only_an_owner_sees_and_revokes_the_tokens_of_others(deployment: Deployment) -> None:
    mara, eve = new_person(deployment), new_person(deployment, "eve")
    (token,) = mara.get(TOKENS).json()
    one = f"{mara.path}/keys/{token['id']}"
    with eve.client as client:
        for answer in (
            client.get(f"{mara.path}/keys/tokens"),
            client.get(one),
            client.delete(one),
        ):
            assert error_of(answer) == (404, "user_not_found")
        assert error_of(client.get(f"{ME}/keys/{token['id']}")) == (404, "token_not_found")
    with deployment.admin as admin:
        assert admin.get(one).json() == token
        assert admin.delete(one).status_code == 204
    assert error_of(mara.get(ME)) == (401, "invalid_token")


@pytest.mark.parametrize("key_id", ["x", NOWHERE, "tokens2"])
def test_an_unknown_token_is_404(deployment: Deployment, key_id: str) -> None:
    with deployment.admin as admin:
        for method in ("GET", "DELETE"):
            answer = admin.request(method, f"{ME}/keys/{key_id}")
            assert error_of(answer) == (404, "token_not_found")


def test_a_name_is_taken_once_by_each_user_and_free_again_afterwards(
    deployment: Deployment,
) -> None:
    mara = new_person(deployment)
    with mara.client as client, deployment.admin as admin:
        make_token(client, token_name="ci", lifetime=60)
        make_token(admin, token_name="ci")
        taken = client.post(TOKENS, json={"token_name": "ci"})
        assert error_of(taken) == (409, "token_name_taken")
        deployment.clock.advance(seconds=60)
        make_token(client, token_name="ci")
        names = [each["token_name"] for each in client.get(TOKENS).json()]
        assert names.count("ci") == 1


def test_a_user_has_at_most_fifty_tokens(deployment: Deployment) -> None:
    mara = new_person(deployment)
    with mara.client as client:
        for _ in range(49):
            make_token(client)
        refused = client.post(TOKENS, json={})
        assert error_of(refused) == (409, "too_many_tokens")
        assert "50" in refused.json()["message"]


def test_of_forty_one_sessions_the_oldest_has_ended(deployment: Deployment) -> None:
    mara = new_person(deployment)
    browsers = []
    for _ in range(41):
        browsers.append(mara.sign_in())
        deployment.clock.advance(seconds=1)
    assert error_of(browsers[0].get(ME)) == (401, "invalid_token")
    assert browsers[1].get(ME).status_code == browsers[40].get(ME).status_code == 200
    with deployment.admin as admin:  # As many writes at once as there can be.
        admin.put(f"{mara.path}/status/suspend").raise_for_status()
    assert error_of(browsers[1].get(ME)) == (401, "invalid_token")


@pytest.mark.parametrize(
    "body",
    [
        {"lifetime": 59},
        {"lifetime": 365 * 24 * 3600 + 1},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": "all"},
        {"scopes": ["all"] * 6},
        {"token_name": ""},
        {"token_name": "x" * 129},
    ],
)
def test_an_impossible_token_is_400_and_names_the_field(
    deployment: Deployment, body: dict[str, Any]
) -> None:
    answer = deployment.admin.post(TOKENS, json=body)
    assert error_of(answer) == (400, "invalid_body")
    (wrong,) = answer.json()["validations"]
    assert wrong["field"].partition(".")[0] in body


def test_a_use_is_noted_once_an_hour_whatever_the_number_of_requests(
    deployment: Deployment,
) -> None:
    mara = new_person(deployment)

    def writes() -> int:
        deployment.aws_calls.reset()
        assert mara.get(ME).status_code == 200
        return deployment.aws_calls.calls["dynamodb.UpdateItem"]

    assert [writes() for _ in range(3)] == [1, 0, 0]
    deployment.clock.advance(minutes=59)
    assert writes() == 0
    assert mara.get(TOKENS).json()[0]["last_used"] == "2026-11-23T12:00:00Z"
    deployment.clock.advance(minutes=1)
    assert [writes(), writes()] == [1, 0]
    assert mara.get(TOKENS).json()[0]["last_used"] == "2026-11-23T13:00:00Z"


def test_a_use_that_cannot_be_noted_does_not_matter(deployment: Deployment) -> None:
    mara = new_person(deployment)
    deployment.aws_calls.reset()
    deployment.aws_calls.refuse_after = 1
    answer = mara.client.post(USERS, json={})
    assert error_of(answer) == (400, "invalid_body")


# What is asked for, and which scopes besides `all` are good for it.
ACTIONS: dict[str, tuple[str, str, Any, set[str]]] = {
    "who am I": ("GET", ME, None, {"read", "mcp", "chats", "users"}),
    "list users": ("GET", USERS, None, {"read", "users"}),
    "create a user": ("POST", USERS, {"username": "x", "email": "x@example.com"}, {"users"}),
    "change myself": ("PATCH", ME, {"name": "x"}, {"users"}),
    "list tokens": ("GET", TOKENS, None, {"read", "users"}),
    "make a token": ("POST", TOKENS, {}, set()),
    "list organisations": ("GET", ORGANIZATIONS, None, {"read", "users"}),
    "create an organisation": ("POST", ORGANIZATIONS, {"name": "x"}, {"users"}),
    "list servers": ("GET", SERVERS, None, {"read", "mcp"}),
    "create a server": ("POST", SERVERS, server_body(), {"mcp"}),
    "change a server": ("PATCH", f"{SERVERS}/{{server}}", {"description": "x"}, {"mcp"}),
    "connect": ("GET", f"{SERVERS}/{{server}}/oauth2/connect", None, {"mcp"}),
    "come back": ("GET", f"{SERVERS}/{{server}}/oauth2/callback?code=x&state=y", None, {"mcp"}),
    "disconnect": ("DELETE", f"{SERVERS}/{{server}}/oauth2/disconnect", None, {"mcp"}),
    "list chats": ("GET", CHATS, None, {"read", "chats"}),
    "start a chat": ("POST", CHATS, {"content": [{"type": "text", "text": "x"}]}, {"chats"}),
}
SCOPES = ("all", "read", "mcp", "chats", "users")


@pytest.mark.parametrize("action", ACTIONS)
def test_a_token_does_what_its_scope_is_good_for_and_nothing_else(
    world: World, action: str
) -> None:
    """The owner may do all of it; their narrow tokens may not."""
    method, path, body, good = ACTIONS[action]
    path = path.format(server=world.register(slug="other")["id"])
    if path == CHATS and body:
        body = {**body, "organization_id": default_organization(world.deployment)}
    for scope in SCOPES:
        with world.deployment.admin as admin:
            key = make_token(admin, scopes=[scope])
        with world.deployment.client(key) as client:
            answer = client.request(method, path, json=body)
        allowed = scope == "all" or scope in good
        if allowed:
            assert answer.status_code in {200, 201, 307, 400, 409}, (scope, answer.text)
            assert "token_scope" not in answer.text
        else:
            assert error_of(answer) == (403, "token_scope"), scope


def test_scopes_add_to_one_another(deployment: Deployment) -> None:
    key = make_token(deployment.admin, scopes=["read", "chats"])
    with deployment.client(key) as client:
        assert client.get(SERVERS).status_code == 200
        assert error_of(client.post(SERVERS, json=server_body())) == (403, "token_scope")
        assert error_of(client.post(CHATS, json={})) == (400, "invalid_body")


def test_a_narrow_token_of_an_owner_sees_what_a_member_sees_elsewhere(
    deployment: Deployment,
) -> None:
    mara = new_person(deployment)
    key = make_token(deployment.admin, scopes=["chats"])
    with deployment.client(key) as client:
        assert error_of(client.get(mara.path)) == (404, "user_not_found")


def test_a_scope_gives_a_member_nothing_that_their_roles_do_not(deployment: Deployment) -> None:
    key = make_token(new_person(deployment).client, scopes=["users", "mcp"])
    with deployment.client(key) as client:
        assert error_of(client.get(USERS)) == (403, "not_allowed")
        assert error_of(client.post(SERVERS, json=server_body())) == (403, "not_allowed")


def test_a_session_is_good_for_what_the_token_that_began_it_is_good_for(
    deployment: Deployment,
) -> None:
    key = make_token(deployment.admin, scopes=["read"])
    with deployment.client(**ORIGIN) as browser:
        browser.post(f"{USERS}/login", json={"token": key}).raise_for_status()
        assert browser.get(SERVERS).status_code == 200
        refused = browser.post(TOKENS, json={})
        assert error_of(refused) == (403, "token_scope")
        assert browser.post(f"{USERS}/logout").status_code == 200


def test_a_token_ends_itself_whatever_its_scope(deployment: Deployment) -> None:
    key = make_token(deployment.admin, scopes=["chats"])
    with deployment.client(key) as client:
        assert client.post(f"{USERS}/logout").status_code == 200
        assert error_of(client.get(ME)) == (401, "invalid_token")
    assert deployment.client(ADMIN_TOKEN).get(ME).status_code == 200

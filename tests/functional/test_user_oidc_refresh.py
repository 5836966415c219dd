"""The token of a sign-in at the identity provider is refreshed: early, once, and never lost."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.deployment import ADMIN_TOKEN, Deployment, error_of, start_deployment
from tests.support.identity_provider import ISSUER, SETTINGS, Office, start_office
from tests.support.people import ME, USERS
from tests.support.plain_server import PLAIN_URL, PlainServer
from tests.support.roles import allows
from tests.support.servers import SERVERS, create_server
from tests.support.tables import table_items

TOKEN_URL = f"{ISSUER}/token"
LATER: dict[str, Any] = {"seconds": 301}


@dataclass
class Jane:
    """Somebody who signed in at the provider, and a server that takes her token."""

    office: Office
    server: PlainServer
    path: str
    id: str
    token: str

    def use(self, deployment: Deployment | None = None) -> httpx.Response:
        with (deployment or self.office.deployment).client(self.token) as client:
            return client.get(f"{self.path}/tools?refresh=true")

    def later(self, **interval: float) -> None:
        self.office.deployment.clock.advance(**(interval or LATER))

    def another_container(self, **parts: Any) -> Deployment:
        deployment = self.office.deployment
        return start_deployment(
            self.office.internet, clock=deployment.clock, **{**SETTINGS, **parts}
        )

    def sign_in(self) -> None:
        with self.office.browser() as browser:
            assert self.office.sign_in(browser).status_code == 200

    @property
    def refreshes(self) -> list[str]:
        forms = self.office.provider.forms
        return [form["refresh_token"] for form in forms if form["grant_type"] == "refresh_token"]

    @property
    def sent(self) -> list[str]:
        """The tokens that came to the server, each once."""
        headers = (each["Authorization"].removeprefix("Bearer ") for each in self.server.seen)
        return list(dict.fromkeys(headers))

    def meanwhile(self, action: Callable[[], object]) -> None:
        """Let something happen after the provider has answered, and before that is stored."""
        handle = self.office.provider.handle

        def answer(request: httpx.Request) -> httpx.Response:
            found = handle(request)
            self.office.internet.forget_page(TOKEN_URL)
            action()
            return found

        self.office.internet.add_page(TOKEN_URL, answer)


@pytest.fixture
def jane(local_aws: None) -> Jane:
    office = start_office()
    server = PlainServer().join(office.internet)
    with office.deployment.admin as admin, office.browser() as browser:
        office.sign_in(browser)
        user_id = browser.get(ME).json()["id"]
        key = admin.post(f"{USERS}/{user_id}/keys/tokens", json={}).json()["key"]
        created = create_server(admin, auth_type="user_oidc", enabled=True, url=PLAIN_URL)
    return Jane(office, server, f"{SERVERS}/{created['id']}", user_id, key)


def test_it_is_refreshed_ten_seconds_before_it_expires(jane: Jane) -> None:
    jane.later(seconds=289)
    assert jane.use().status_code == 200
    assert jane.refreshes == []
    jane.later(seconds=1)
    assert jane.use().status_code == 200
    assert jane.refreshes == ["login-refresh-token"]
    assert jane.sent == ["login-access-token", "login-access-token-1"]
    assert not any("login-" in line for line in jane.office.deployment.log_lines)


def test_a_rotated_refresh_token_is_used_from_then_on(jane: Jane) -> None:
    for _ in range(3):
        jane.later()
        assert [jane.use().status_code, jane.use().status_code] == [200, 200]
    assert jane.refreshes == [
        "login-refresh-token",
        "login-refresh-token-1",
        "login-refresh-token-2",
    ]
    assert jane.sent == [f"login-access-token-{number}" for number in (1, 2, 3)]


def test_a_provider_that_does_not_rotate_keeps_its_refresh_token(jane: Jane) -> None:
    jane.office.provider.rotates = False
    for _ in range(2):
        jane.later()
        assert jane.use().status_code == 200
    assert jane.refreshes == ["login-refresh-token"] * 2


def test_a_refusal_for_good_asks_to_sign_in_and_the_provider_no_more(jane: Jane) -> None:
    jane.office.provider.refresh_tokens.clear()
    jane.later()
    for _ in range(3):
        assert error_of(jane.use()) == (409, "sign_in_required")
    assert len(jane.refreshes) == 1
    jane.sign_in()
    assert jane.use().status_code == 200


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503, text="upstream-text"),
        httpx.Response(400, json={"error": "invalid_client", "error_description": "upstream-text"}),
        httpx.Response(200, text="<html>upstream-text"),
    ],
    ids=["failing", "another error", "HTML"],
)
def test_any_other_failure_is_for_this_time_only(jane: Jane, answer: httpx.Response) -> None:
    jane.office.internet.add_page(TOKEN_URL, answer)
    jane.later(seconds=295)
    assert jane.use().status_code == 200, "it is good for five seconds more"
    jane.later(seconds=5)
    for _ in range(2):
        refused = jane.use()
        assert error_of(refused) == (502, "mcp_tools_unavailable"), "owners read more"
        assert "upstream-text" not in refused.text
        assert any("oidc_provider_unusable" in line for line in jane.office.deployment.log_lines)
    jane.office.internet.forget_page(TOKEN_URL)
    assert jane.use().status_code == 200


def test_lambdas_that_want_it_at_once_make_one_request_at_the_provider(jane: Jane) -> None:
    """Threads with caches of their own; the provider answers when the other three wait for it."""
    jane.later()
    waiting, all_wait, never = set[int](), threading.Event(), threading.Event()
    handle = jane.office.provider.handle

    def pause(_: float) -> None:
        waiting.add(threading.get_ident())
        if len(waiting) == 3:
            all_wait.set()
        never.wait(0.02)

    def answer_late(request: httpx.Request) -> httpx.Response:
        assert all_wait.wait(10), f"{len(waiting)} of the others wait"
        return handle(request)

    jane.office.internet.add_page(TOKEN_URL, answer_late)
    containers = [jane.another_container(pause=pause) for _ in range(4)]
    with ThreadPoolExecutor(len(containers)) as pool:
        assert [each.status_code for each in pool.map(jane.use, containers)] == [200] * 4
    assert len(jane.refreshes) == 1
    assert jane.sent == ["login-access-token-1"]


def test_a_sign_in_during_a_refresh_wins(jane: Jane) -> None:
    jane.later()
    jane.meanwhile(jane.sign_in)
    assert jane.use().status_code == 200
    assert jane.sent == ["login-access-token"], "the one that the second sign-in gave"


def test_a_user_who_is_deleted_during_a_refresh_leaves_nothing_behind(jane: Jane) -> None:
    jane.later()
    other = jane.another_container()

    def delete() -> None:
        with other.client(ADMIN_TOKEN) as admin:
            assert admin.delete(f"{USERS}/{jane.id}").status_code == 204

    jane.meanwhile(delete)
    assert error_of(jane.use()) == (409, "sign_in_required")
    assert jane.server.seen == []
    assert not any(item["SK"]["S"] == "login" for item in table_items("identity"))


def test_a_lease_whose_holder_died_is_taken_over(jane: Jane) -> None:
    jane.later()

    def die(request: httpx.Request) -> httpx.Response:
        raise SystemExit

    jane.office.internet.add_page(TOKEN_URL, die)
    with pytest.raises(SystemExit):
        jane.use()
    jane.office.internet.forget_page(TOKEN_URL)
    assert error_of(jane.use()) == (503, "oauth2_refresh_busy")
    jane.later(seconds=15)
    assert jane.use().status_code == 200


def test_a_refresh_token_goes_to_no_other_provider_than_its_own(jane: Jane) -> None:
    elsewhere = jane.another_container(CIBORIUM_OIDC_ISSUER="https://elsewhere.example")
    jane.later()
    jane.office.internet.requests.clear()
    assert error_of(jane.use(elsewhere)) == (409, "sign_in_required")
    assert jane.office.internet.requests == []


def test_a_worker_may_refresh_it_as_well(jane: Jane) -> None:
    jane.use()
    roles = jane.office.deployment.roles
    roles.used.clear()
    jane.later()
    jane.use().raise_for_status()
    assert len(jane.refreshes) == 1
    writes = [
        use
        for _, use in roles.used
        if (use.action, use.resource) == ("dynamodb:UpdateItem", "IdentityTable")
        and dict(use.context)["dynamodb:LeadingKeys"] == f"USER#{jane.id}"
    ]
    assert len(writes) == 2, "the lease is taken, and the new tokens are stored"
    assert all(allows("turns", use) for use in writes)

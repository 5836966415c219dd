"""Servers that take the token of the caller's own sign-in at the identity provider."""

import httpx
import pytest

from tests.support.deployment import PUBLIC_URL, Deployment, error_of, start_deployment
from tests.support.internet import FakeInternet
from tests.support.plain_server import PLAIN_URL, PlainServer
from tests.support.servers import MANUAL_OAUTH2, SERVERS, create_server

OIDC = {"auth_type": "user_oidc", "enabled": True, "url": PLAIN_URL}


class SignIns:
    """The tokens that a deployment keeps of its users' sign-ins."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}

    def find_access_token(self, user_id: str) -> str | None:
        return self.tokens.get(user_id)


def user_id_of(client: httpx.Client) -> str:
    return str(client.get("/api/v2/users/me").json()["id"])


def test_each_caller_s_own_sign_in_token_is_forwarded(local_aws: None) -> None:
    internet, sign_ins = FakeInternet(), SignIns()
    server = PlainServer().join(internet)
    deployment = start_deployment(internet, sign_in_tokens=sign_ins)
    with deployment.admin as admin, deployment.new_member() as mara:
        path = f"{SERVERS}/{create_server(admin, **OIDC)['id']}"
        for client, token in ((admin, "sentinel-admin"), (mara, "sentinel-mara")):
            sign_ins.tokens[user_id_of(client)] = token
            server.seen.clear()
            assert client.get(f"{path}/tools").status_code == 200
            called = client.post(f"{path}/tools/call", json={"name": "search"})
            assert called.status_code == 200, called.text
            assert server.values_of("Authorization") == {f"Bearer {token}"}
    assert not any("sentinel" in line for line in deployment.log_lines)


@pytest.mark.parametrize("keeps_tokens", [True, False])
def test_without_a_sign_in_token_the_caller_is_told_to_sign_in(
    local_aws: None, keeps_tokens: bool
) -> None:
    internet = FakeInternet()
    server = PlainServer().join(internet)
    deployment = start_deployment(internet, sign_in_tokens=SignIns() if keeps_tokens else None)
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin, **OIDC)['id']}"
        refused = admin.get(f"{path}/tools")
        assert error_of(refused) == (409, "sign_in_required")
        assert refused.json()["connect_url"] == f"{PUBLIC_URL}/login"
        called = admin.post(f"{path}/tools/call", json={"name": "search"})
        assert error_of(called) == (409, "sign_in_required")
        (entry,) = admin.get("/api/experimental/mcp/tools").json()["servers"]
        assert entry["error"]["code"] == "sign_in_required"
    assert server.seen == []


def test_it_needs_nothing_counts_as_connected_and_takes_the_rest_away(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        everything = {
            **MANUAL_OAUTH2,
            "api_key_header": "X-Key",
            "api_key_value": "sentinel",
            "custom_headers": {"X-Team": "sentinel"},
            "enabled": True,
        }
        path = f"{SERVERS}/{create_server(admin, **everything)['id']}"
        changed = admin.patch(path, json={"auth_type": "user_oidc"}).json()
        assert (changed["auth_type"], changed["auth_connected"]) == ("user_oidc", True)
        for flag in ("has_oauth2_secret", "has_api_key", "has_custom_headers"):
            assert not changed[flag]
        left = {name for name in changed if name.startswith(("oauth2_", "api_key_"))}
        assert left == {"oauth2_callback_url"}
        assert mara.get(path).json()["auth_connected"]


def test_only_a_deployment_admin_may_point_sign_in_tokens_anywhere(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        path = f"{SERVERS}/{create_server(admin, **OIDC)['id']}"
        refused = mara.patch(path, json={"url": "https://evil.example/mcp"})
        assert error_of(refused) == (403, "not_allowed")
        created = create_server(admin, slug="plain", enabled=True)
        refused = mara.patch(f"{SERVERS}/{created['id']}", json={"auth_type": "user_oidc"})
        assert error_of(refused) == (403, "not_allowed")

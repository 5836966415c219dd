import json
from typing import Any

import httpx
import pytest

from chalicelib.egress import Egress, EgressConnectionError
from chalicelib.oauth2.discovery import discover
from chalicelib.oauth2.errors import RegistrationError
from chalicelib.oauth2.models import RegisteredClient
from chalicelib.oauth2.registration import register_client
from tests.support.authorization_server import AuthorizationServer
from tests.support.internet import FakeInternet
from tests.support.resource_server import ResourceServer

MCP = "https://tools.example/mcp"
REDIRECT_URI = "https://ciborium.example/prod/api/experimental/mcp/servers/1/oauth2/callback"
REGISTER = "https://auth.example/register"


def register(
    egress: Egress, redirect_uri: str = REDIRECT_URI, scopes: tuple[str, ...] = ("read",)
) -> RegisteredClient:
    server = discover(egress, MCP).server
    return register_client(
        egress, server, redirect_uri=redirect_uri, client_name="Ciborium", scopes=scopes
    )


def refusal(egress: Egress, redirect_uri: str = REDIRECT_URI) -> str:
    with pytest.raises(RegistrationError) as refused:
        register(egress, redirect_uri)
    assert refused.value.code == "oauth2_registration_failed"
    assert "manually" in refused.value.detail
    return refused.value.message


@pytest.mark.rule(20, 21, 45)
def test_the_request_is_that_of_a_web_client_with_refresh_tokens(
    egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    register(egress, scopes=("read", "write"))
    assert auth.registrations == [
        {
            "client_name": "Ciborium",
            "redirect_uris": [REDIRECT_URI],
            "application_type": "web",
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": "read write",
        }
    ]


def test_all_tries_of_a_registration_share_one_budget(
    egress: Egress, internet: FakeInternet, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    refused = httpx.Response(400, json={"error": "invalid_client_metadata"})
    internet.add_page(REGISTER, refused)
    refusal(egress)
    tries = [each for each in internet.requests if str(each.url) == REGISTER]
    assert len(tries) == 3
    assert len({id(each.extensions["timeout"]["read"]) for each in tries}) == 1


def test_scope_is_omitted_when_there_is_none_to_ask_for(
    egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    register(egress, scopes=())
    assert "scope" not in auth.registrations[0]


@pytest.mark.rule(21)
@pytest.mark.parametrize(
    "redirect_uri",
    ["http://localhost:8000/callback", "http://127.0.0.1:8000/callback", "https://localhost/cb"],
)
def test_a_redirect_to_the_users_own_machine_is_that_of_a_native_client(
    egress: Egress, auth: AuthorizationServer, mcp: ResourceServer, redirect_uri: str
) -> None:
    register(egress, redirect_uri)
    assert auth.registrations[0]["application_type"] == "native"


@pytest.mark.rule(27)
def test_a_redirect_over_plain_http_to_another_machine_is_never_registered(
    egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    assert "CIBORIUM_PUBLIC_URL" in refusal(egress, "http://ciborium.example/callback")
    assert auth.registrations == []


@pytest.mark.rule(20)
@pytest.mark.parametrize(
    ("listed", "chosen"),
    [
        (("none", "client_secret_basic", "client_secret_post"), "client_secret_post"),
        (("none", "client_secret_basic"), "client_secret_basic"),
        (("private_key_jwt", "none"), "none"),
    ],
)
def test_a_confidential_method_is_preferred_among_those_that_the_server_lists(
    egress: Egress,
    auth: AuthorizationServer,
    mcp: ResourceServer,
    listed: tuple[str, ...],
    chosen: str,
) -> None:
    auth.auth_methods = listed
    client = register(egress)
    assert auth.registrations[0]["token_endpoint_auth_method"] == chosen
    assert client.token_endpoint_auth_method == chosen
    assert (client.client_secret is None) == (chosen == "none")


def test_a_server_that_lists_no_methods_means_basic(
    egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    auth.metadata_changes = {"token_endpoint_auth_methods_supported": None}
    assert register(egress).token_endpoint_auth_method == "client_secret_basic"


def test_a_server_with_foreign_methods_only_is_refused_before_it_is_asked(
    egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    auth.auth_methods = ("private_key_jwt",)
    assert "supports none of client_secret_post, client_secret_basic, none" in refusal(egress)
    assert auth.registrations == []


def test_what_the_server_registered_counts_not_what_was_asked(
    egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    auth.registered_method = "client_secret_basic"
    assert register(egress).token_endpoint_auth_method == "client_secret_basic"


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({"token_endpoint_auth_method": None}, "client_secret_post"),
        ({"token_endpoint_auth_method": None, "client_secret": None}, "none"),
    ],
)
def test_an_answer_without_a_method_is_understood_by_its_secret(
    egress: Egress,
    auth: AuthorizationServer,
    mcp: ResourceServer,
    changes: dict[str, Any],
    method: str,
) -> None:
    auth.registration_changes = changes
    assert register(egress).token_endpoint_auth_method == method


def test_everything_that_manages_the_registration_is_kept(
    egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    auth.registration_changes = {
        "client_id": "id",
        "client_secret": "s1",
        "client_secret_expires_at": 1_900_000_000,
        "registration_client_uri": "https://auth.example/register/id",
        "registration_access_token": "s2",
    }
    assert register(egress) == RegisteredClient(
        client_id="id",
        client_secret="s1",
        token_endpoint_auth_method="client_secret_post",
        client_secret_expires_at=1_900_000_000,
        registration_client_uri="https://auth.example/register/id",
        registration_access_token="s2",
    )


@pytest.mark.parametrize("status", [200, 201])
def test_both_statuses_of_success_are_accepted(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer, status: int
) -> None:
    body = json.dumps({"client_id": "id", "client_secret": ""}).encode()
    internet.add_page(REGISTER, httpx.Response(status, content=body))
    client = register(egress)
    assert (client.client_id, client.client_secret) == ("id", None)
    assert client.client_secret_expires_at == 0


@pytest.mark.rule(15)
def test_a_server_without_registration_needs_manual_configuration(
    internet: FakeInternet, egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    auth.metadata_changes = {"registration_endpoint": None}
    assert "https://auth.example has no registration_endpoint" in refusal(egress)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(400, content=b'{"error": "invalid_client_metadata"}'), "HTTP 400 (invalid"),
        (httpx.Response(403, content=b"sentinel"), "HTTP 403."),
        (httpx.Response(400, content=b'{"error": "sentinel"}'), "HTTP 400."),
        (httpx.Response(400, content=b'{"error": {"sentinel": 1}}'), "HTTP 400."),
        (httpx.Response(204), "HTTP 204."),
        (httpx.Response(201, content=b"<html>sentinel"), "HTTP 201: not JSON."),
        (httpx.Response(201, content=b'["sentinel"]'), "HTTP 201: not a JSON object."),
        (
            httpx.Response(201, content=b'{"client_secret": "sentinel"}'),
            "HTTP 201: client_id is missing.",
        ),
        (
            httpx.Response(201, content=b'{"client_id": 1, "client_secret": "sentinel"}'),
            "HTTP 201: client_id is not what it should be.",
        ),
    ],
)
def test_a_refusal_tells_its_status_and_code_and_nothing_else(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer, answer: httpx.Response, reason: str
) -> None:
    internet.add_page(REGISTER, answer)
    message = refusal(egress)
    assert f"{REGISTER} answered {reason}" in message
    assert "sentinel" not in message


@pytest.mark.rule(22)
def test_a_refused_redirect_uri_is_explained(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    """Rule 22."""
    answer = httpx.Response(400, content=b'{"error": "invalid_redirect_uri"}')
    internet.add_page(REGISTER, answer)
    assert "it does not accept our redirect URI" in refusal(egress)


@pytest.mark.rule(27)
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"redirect_uris": ["https://evil.example"]}, "registered another redirect URI"),
        ({"redirect_uris": []}, "registered another redirect URI"),
        ({"client_id": ""}, "gave no client_id"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "wants another client authentication"),
        ({"client_secret": None}, "gave no client_secret although it wants one"),
    ],
)
def test_an_answer_that_does_not_fit_the_request_is_refused(
    egress: Egress,
    auth: AuthorizationServer,
    mcp: ResourceServer,
    changes: dict[str, Any],
    reason: str,
) -> None:
    auth.registration_changes = changes
    assert reason in refusal(egress)


@pytest.mark.rule(44)
def test_secrets_are_in_no_representation_and_in_no_traceback(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    body = {"client_id": 1, "client_secret": "sentinel", "registration_access_token": "sentinel"}
    internet.add_page(REGISTER, httpx.Response(201, content=json.dumps(body).encode()))
    with pytest.raises(RegistrationError) as refused:
        register(egress)
    assert "sentinel" not in refused.getrepr(chain=True, style="native").__str__()
    internet.add_page(
        REGISTER, httpx.Response(201, content=json.dumps({**body, "client_id": "id"}).encode())
    )
    assert "sentinel" not in repr(register(egress))


def test_an_endpoint_that_is_down_is_an_upstream_error(
    egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    auth.metadata_changes = {"registration_endpoint": "https://down.example/register"}
    with pytest.raises(EgressConnectionError):
        register(egress)

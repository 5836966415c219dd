import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from chalicelib.egress import Egress, EgressRefusedError, EgressResponseError
from chalicelib.oauth2.authorization import build_authorization_url
from chalicelib.oauth2.errors import TokenExchangeError
from chalicelib.oauth2.models import ClientCredentials, TokenResponse
from chalicelib.oauth2.pkce import PKCE, new_pkce
from chalicelib.oauth2.token_endpoint import exchange_code
from tests.support.authorization_server import AuthorizationServer
from tests.support.internet import FakeInternet, form_of

REDIRECT_URI = "https://ciborium.example/callback"
RESOURCE = "https://tools.example/mcp"
TOKEN_URL = "https://auth.example/token"
CLIENT = ClientCredentials("client:1 é/%", "s3cret &+=:%é", "client_secret_basic")


def approve(auth: AuthorizationServer, pkce: PKCE) -> str:
    """The code that a user's approval gives."""
    auth.add_client(
        REDIRECT_URI, CLIENT.token_endpoint_auth_method, CLIENT.client_id, CLIENT.client_secret
    )
    url = build_authorization_url(
        auth.endpoint("authorize"),
        client_id=CLIENT.client_id,
        redirect_uri=REDIRECT_URI,
        state="state",
        code_challenge=pkce.challenge,
        scopes=("read",),
        resource=RESOURCE,
    )
    return parse_qs(urlsplit(auth.authorize(url)).query)["code"][0]


def exchange(egress: Egress, **changes: str) -> TokenResponse:
    return exchange_as(CLIENT, egress, **changes)


def exchange_as(client: ClientCredentials, egress: Egress, **changes: str) -> TokenResponse:
    arguments = {
        "token_endpoint": TOKEN_URL,
        "code": "sentinel-code",
        "code_verifier": "sentinel-verifier",
        "redirect_uri": REDIRECT_URI,
        "resource": RESOURCE,
    }
    return exchange_code(egress, client, **{**arguments, **changes})


def refusal(egress: Egress, **changes: str) -> TokenExchangeError:
    with pytest.raises(TokenExchangeError) as refused:
        exchange(egress, **changes)
    assert refused.value.message == "Failed to exchange authorization code for token."
    assert refused.value.code == "oauth2_token_exchange_failed"
    assert "sentinel" not in str(refused.getrepr(chain=True, style="native"))
    assert "sentinel" not in refused.value.detail
    return refused.value


@pytest.mark.rule("trap:double-authentication")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_a_code_becomes_tokens_with_exactly_one_client_authentication(
    internet: FakeInternet, egress: Egress, auth: AuthorizationServer, method: str
) -> None:
    """The server refuses a request that authenticates in a second way (`mcp-rules.md` 4.1)."""
    pkce = new_pkce()
    code = approve(auth, pkce)
    auth.clients[CLIENT.client_id].method = method
    if method == "none":
        auth.clients[CLIENT.client_id].secret = None
    client = ClientCredentials(CLIENT.client_id, CLIENT.client_secret, method)
    tokens = exchange_as(client, egress, code=code, code_verifier=pkce.verifier)
    assert auth.accepts(tokens.access_token, RESOURCE)
    assert tokens.refresh_token in auth.tokens
    assert (tokens.token_type, tokens.expires_in, tokens.scope) == ("Bearer", 3600, "read")
    form = form_of(internet.requests[0])
    assert ("Authorization" in internet.requests[0].headers) == (method == "client_secret_basic")
    assert ("client_id" in form) == (method != "client_secret_basic")
    assert ("client_secret" in form) == (method == "client_secret_post")


@pytest.mark.rule(28, 30)
def test_the_form_is_that_of_an_authorization_code_grant(
    internet: FakeInternet, egress: Egress
) -> None:
    body = b'{"access_token": "t", "token_type": "Bearer"}'
    internet.add_page(TOKEN_URL, httpx.Response(200, content=body))
    exchange(egress)
    request = internet.requests[0]
    assert form_of(request) == {
        "grant_type": "authorization_code",
        "code": "sentinel-code",
        "code_verifier": "sentinel-verifier",
        "redirect_uri": REDIRECT_URI,
        "resource": RESOURCE,
    }
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Accept"] == "application/json"
    assert "sentinel" not in str(request.url)


@pytest.mark.rule("trap:endpoint-query")
def test_a_query_of_the_endpoint_is_kept(internet: FakeInternet, egress: Egress) -> None:
    url = f"{TOKEN_URL}?tenant=a%20b"
    internet.add_page(url, {"access_token": "t"})
    exchange(egress, token_endpoint=url)
    assert internet.calls == [f"POST {url}"]


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "another"},
        {"code_verifier": "another"},
        {"redirect_uri": "https://ciborium.example/other"},
    ],
)
def test_the_server_takes_no_code_that_is_not_ours(
    egress: Egress, auth: AuthorizationServer, changes: dict[str, str]
) -> None:
    pkce = new_pkce()
    right = {"code": approve(auth, pkce), "code_verifier": pkce.verifier}
    assert refusal(egress, **{**right, **changes}).detail == (
        "The authorization server answered HTTP 400 (invalid_grant). Connect again."
    )


def test_a_code_works_only_once(egress: Egress, auth: AuthorizationServer) -> None:
    pkce = new_pkce()
    code = approve(auth, pkce)
    tokens = exchange(egress, code=code, code_verifier=pkce.verifier)
    assert "invalid_grant" in refusal(egress, code=code, code_verifier=pkce.verifier).detail
    assert not auth.accepts(tokens.access_token, RESOURCE)


def answer(internet: FakeInternet, **changes: Any) -> None:
    body = {"access_token": "t", "token_type": "Bearer", **changes}
    content = json.dumps({k: v for k, v in body.items() if v != "gone"}).encode()
    internet.add_page(TOKEN_URL, httpx.Response(200, content=content))


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER", "", None, "gone"])
def test_a_bearer_token_is_called_bearer_however_it_was_spelled(
    internet: FakeInternet, egress: Egress, token_type: str | None
) -> None:
    answer(internet, token_type=token_type)
    assert exchange(egress).token_type == "Bearer"


@pytest.mark.parametrize("token_type", ["DPoP", "mac", "Bearer x"])
def test_a_token_of_another_type_is_refused(
    internet: FakeInternet, egress: Egress, token_type: str
) -> None:
    answer(internet, token_type=token_type)
    assert "no Bearer token" in refusal(egress).detail


@pytest.mark.parametrize(
    ("sent", "understood"),
    [
        (3600, 3600),
        ("3600", 3600),
        (3600.0, 3600),
        (0, None),
        (None, None),
        ("gone", None),
        (10**18, 315_360_000),
    ],
)
def test_a_lifetime_is_seconds_or_unknown(
    internet: FakeInternet, egress: Egress, sent: Any, understood: int | None
) -> None:
    answer(internet, expires_in=sent)
    assert exchange(egress).expires_in == understood


@pytest.mark.rule(46)
@pytest.mark.parametrize("refresh_token", ["", None, "gone"])
def test_no_refresh_token_is_none(
    internet: FakeInternet, egress: Egress, refresh_token: str | None
) -> None:
    """Rule 46."""
    answer(internet, refresh_token=refresh_token, scope=None)
    tokens = exchange(egress)
    assert tokens.refresh_token is None
    assert tokens.scope == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": "gone"},
        {"access_token": ""},
        {"access_token": None},
        {"access_token": ["sentinel"]},
        {"access_token": "sentinel\r\nX-Evil: 1"},
        {"access_token": "sentinel-é"},
        {"refresh_token": "sentinel\n"},
        {"expires_in": -1, "refresh_token": "sentinel"},
        {"expires_in": "sentinel"},
        {"access_token": "gone", "error": "invalid_grant", "error_description": "sentinel"},
    ],
)
def test_an_answer_that_is_no_token_is_refused(
    internet: FakeInternet, egress: Egress, changes: dict[str, Any]
) -> None:
    answer(internet, **changes)
    assert "The authorization server answered HTTP 200" in refusal(egress).detail


@pytest.mark.parametrize(
    ("response", "detail"),
    [
        (httpx.Response(500, content=b"sentinel"), "HTTP 500"),
        (httpx.Response(400, content=b'{"error": "sentinel"}'), "HTTP 400"),
        (httpx.Response(401, content=b'{"error": "invalid_client"}'), "HTTP 401 (invalid_client)"),
        (httpx.Response(400, content=b'{"error": "invalid_target"}'), "HTTP 400 (invalid_target)"),
        (httpx.Response(200, content=b"<html>sentinel"), "HTTP 200: not JSON"),
        (httpx.Response(201, content=b'{"access_token": "sentinel"}'), "HTTP 201"),
    ],
)
def test_a_refusal_tells_its_status_and_code_and_nothing_else(
    internet: FakeInternet, egress: Egress, response: httpx.Response, detail: str
) -> None:
    internet.add_page(TOKEN_URL, response)
    expected = f"The authorization server answered {detail}. Connect again."
    assert refusal(egress).detail == expected


@pytest.mark.rule(48, 55)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_code_and_the_secret_follow_no_redirect_to_another_origin(
    internet: FakeInternet, egress: Egress, status: int
) -> None:
    location = {"Location": "https://evil.example/token"}
    internet.add_page(TOKEN_URL, httpx.Response(status, headers=location))
    with pytest.raises(EgressResponseError):
        exchange(egress)
    assert internet.calls == [f"POST {TOKEN_URL}"]


@pytest.mark.rule(52)
def test_a_private_endpoint_is_never_asked(internet: FakeInternet, egress: Egress) -> None:
    with pytest.raises(EgressRefusedError):
        exchange(egress, token_endpoint="https://10.0.0.1/token")
    assert internet.calls == []


@pytest.mark.rule(44)
def test_secrets_are_in_no_representation() -> None:
    tokens = TokenResponse(
        access_token="sentinel",
        refresh_token="sentinel",
        token_type="Bearer",
        expires_in=None,
        scope="",
    )
    assert "sentinel" not in repr([tokens, ClientCredentials("id", "sentinel", "none")])

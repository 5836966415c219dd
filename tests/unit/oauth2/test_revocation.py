import httpx
import pytest

from chalicelib.egress import Egress, EgressResponseError
from chalicelib.oauth2.errors import RevocationError
from chalicelib.oauth2.models import ClientCredentials
from chalicelib.oauth2.revocation import revoke_token
from tests.support.authorization_server import AuthorizationServer, Grant, Token
from tests.support.internet import FakeInternet, form_of
from tests.support.registration import Client

REVOKE_URL = "https://auth.example/revoke"
CLIENT = ClientCredentials("id", "secret", "client_secret_basic")


@pytest.fixture
def granted(auth: AuthorizationServer) -> AuthorizationServer:
    """An authorization server that has given our client an access and a refresh token."""
    auth.clients["id"] = Client("id", "secret", "client_secret_basic", [])
    grant = Grant("id", "", "", "", "", auth.clock(), tokens=["access", "refresh"])
    auth.tokens = {kind: Token(grant, kind, None) for kind in ("access", "refresh")}
    return auth


def revoke(egress: Egress, refresh_token: str = "refresh") -> None:
    revoke_token(
        egress,
        CLIENT,
        revocation_endpoint=REVOKE_URL,
        access_token="access",
        refresh_token=refresh_token,
    )


def hints(internet: FakeInternet) -> list[tuple[str, str]]:
    forms = [form_of(request) for request in internet.requests]
    return [(form["token"], form["token_type_hint"]) for form in forms]


def test_the_refresh_token_takes_the_access_token_with_it(
    internet: FakeInternet, egress: Egress, granted: AuthorizationServer
) -> None:
    revoke(egress)
    assert hints(internet) == [("refresh", "refresh_token")]
    assert granted.tokens == {}


def test_the_access_token_follows_if_refresh_tokens_are_not_revoked(
    internet: FakeInternet, egress: Egress, granted: AuthorizationServer
) -> None:
    granted.revokes_refresh_tokens = False
    revoke(egress)
    assert hints(internet) == [("refresh", "refresh_token"), ("access", "access_token")]
    assert list(granted.tokens) == ["refresh"]


def test_without_a_refresh_token_the_access_token_is_revoked(
    internet: FakeInternet, egress: Egress, granted: AuthorizationServer
) -> None:
    revoke(egress, refresh_token="")
    assert hints(internet) == [("access", "access_token")]
    assert list(granted.tokens) == ["refresh"]


@pytest.mark.parametrize("method", ["client_secret_post", "none"])
def test_the_client_authenticates_as_it_does_for_tokens(
    egress: Egress, granted: AuthorizationServer, method: str
) -> None:
    secret = None if method == "none" else "secret"
    granted.clients["id"] = Client("id", secret, method, [])
    revoke_token(
        egress,
        ClientCredentials("id", "secret", method),
        revocation_endpoint=REVOKE_URL,
        access_token="access",
        refresh_token="refresh",
    )
    assert granted.tokens == {}


@pytest.mark.parametrize("status", [200, 204])
def test_both_statuses_of_success_are_accepted(
    internet: FakeInternet, egress: Egress, status: int
) -> None:
    internet.add_page(REVOKE_URL, httpx.Response(status))
    revoke(egress)
    assert len(internet.requests) == 1


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (httpx.Response(503, content=b"sentinel"), "HTTP 503"),
        (httpx.Response(202), "HTTP 202"),
        (httpx.Response(400, content=b'{"error": "invalid_client"}'), "HTTP 400 (invalid_client)"),
        (httpx.Response(400, content=b'{"error": "sentinel"}'), "HTTP 400"),
    ],
)
def test_anything_else_is_no_confirmation_and_the_access_token_is_not_tried(
    internet: FakeInternet, egress: Egress, response: httpx.Response, told: str
) -> None:
    internet.add_page(REVOKE_URL, response)
    with pytest.raises(RevocationError) as refused:
        revoke(egress)
    assert refused.value.message == f"The token was not revoked: the server answered {told}."
    assert len(internet.requests) == 1


@pytest.mark.parametrize(
    ("status", "location"), [(307, "https://evil.example/revoke"), (302, REVOKE_URL)]
)
def test_tokens_follow_no_redirect_that_changes_origin_or_method(
    internet: FakeInternet, egress: Egress, status: int, location: str
) -> None:
    internet.add_page(REVOKE_URL, httpx.Response(status, headers={"Location": location}))
    with pytest.raises(EgressResponseError) as refused:
        revoke(egress)
    assert refused.value.message.count("/revoke") == 0
    assert len(internet.requests) == 1

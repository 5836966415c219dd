from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from chalicelib.oauth2.authorization import (
    build_authorization_url,
    validate_authorization_response,
)
from chalicelib.oauth2.errors import AuthorizationEndpointError, AuthorizationResponseError

REDIRECT_URI = "https://ciborium.example/prod/callback"
RESOURCE = "https://tools.example/mcp"


def build(endpoint: str, scopes: tuple[str, ...] = ("read", "files:write")) -> str:
    return build_authorization_url(
        endpoint,
        client_id="client/1",
        redirect_uri=REDIRECT_URI,
        state="the state",
        code_challenge="challenge",
        scopes=scopes,
        resource=RESOURCE,
    )


@pytest.mark.rule(28, 30)
def test_the_url_carries_everything_that_the_request_needs() -> None:
    url = build("https://auth.example/authorize")
    assert url.startswith("https://auth.example/authorize?")
    assert dict(parse_qsl(urlsplit(url).query, strict_parsing=True)) == {
        "response_type": "code",
        "client_id": "client/1",
        "redirect_uri": REDIRECT_URI,
        "state": "the state",
        "code_challenge": "challenge",
        "code_challenge_method": "S256",
        "resource": RESOURCE,
        "scope": "read files:write",
    }


@pytest.mark.rule(32)
def test_scope_is_omitted_when_there_is_none_to_ask_for() -> None:
    assert "scope" not in parse_qs(urlsplit(build("https://auth.example/a", ())).query)


@pytest.mark.rule("trap:endpoint-query")
def test_a_query_of_the_endpoint_is_kept_as_it_is() -> None:
    url = build("https://auth.example/authorize?tenant=a%20b&flag")
    assert url.count("?") == 1
    assert urlsplit(url).query.startswith("tenant=a%20b&flag&response_type=code&")


@pytest.mark.rule(48, "trap:endpoint-query")
@pytest.mark.parametrize(
    "query", ["response_type=token", "sc%6Fpe=admin", "redirect_uri=https://evil.example", "&"]
)
def test_a_query_of_the_endpoint_cannot_replace_our_parameters(query: str) -> None:
    url = build(f"https://auth.example/authorize?{query}", ())
    names = [name for name, _ in parse_qsl(urlsplit(url).query)]
    assert sorted(names) == sorted(
        [
            *("response_type", "client_id", "redirect_uri", "state"),
            *("code_challenge", "code_challenge_method", "resource"),
        ]
    )


@pytest.mark.rule(37)
@pytest.mark.parametrize(
    "endpoint",
    [
        "https://auth.example",
        "http://localhost:8080/authorize",
        "http://auth.localhost/authorize",
        "http://127.0.0.1:8080/authorize",
        "http://[::1]:8080/authorize",
    ],
)
def test_a_browser_may_be_sent_to_https_and_to_its_own_machine(endpoint: str) -> None:
    assert build(endpoint).startswith(f"{endpoint}?")


@pytest.mark.rule(37, 38)
@pytest.mark.parametrize(
    "endpoint",
    [
        "http://auth.example/authorize",
        "http://10.0.0.1/authorize",
        "http://localhost.evil.example/authorize",
        "javascript:alert(1)",
        "JavaScript://auth.example/%0aalert(1)",
        "data:text/html,hello",
        "file:///etc/passwd",
        "vbscript:x",
        "//auth.example/authorize",
        "/authorize",
        "",
        "https://",
        "https:///authorize",
        "https://user:pass@auth.example/authorize",
        "https://auth.example/authorize#fragment",
        "https://good.example\\@evil.example/authorize",
        "https://auth.example/a\r\nSet-Cookie: x=y",
        "https://auth.example/a b",
        "java\tscript:alert(1)",
        " https://auth.example/authorize",
        "https://auth.example:x/authorize",
        "https://auth.example:0/authorize",
        "https://[::1/authorize",
        "https://áuth.example/authorize",
    ],
)
def test_a_browser_is_never_sent_anywhere_else(endpoint: str) -> None:
    with pytest.raises(AuthorizationEndpointError) as refused:
        build(endpoint)
    assert refused.value.code == "oauth2_authorization_endpoint_invalid"


ISSUER = "https://auth.example/tenant"


@pytest.mark.rule(39)
@pytest.mark.parametrize(("iss", "iss_supported"), [(ISSUER, True), (ISSUER, False), (None, False)])
def test_the_response_of_the_server_that_was_asked_is_believed(
    iss: str | None, iss_supported: bool
) -> None:
    validate_authorization_response(expected_issuer=ISSUER, iss=iss, iss_supported=iss_supported)


@pytest.mark.rule(40)
@pytest.mark.parametrize("iss_supported", [True, False])
@pytest.mark.parametrize(
    "iss",
    [
        "https://evil.example",
        "https://auth.example/tenant/",
        "https://AUTH.example/tenant",
        "https://auth.example:443/tenant",
        "https://auth.example/%74enant",
        "",
    ],
)
def test_another_spelling_of_the_issuer_is_another_issuer(iss: str, iss_supported: bool) -> None:
    with pytest.raises(AuthorizationResponseError) as refused:
        validate_authorization_response(
            expected_issuer=ISSUER, iss=iss, iss_supported=iss_supported
        )
    assert refused.value.code == "oauth2_wrong_issuer"
    assert not iss or iss not in str(refused.value)


@pytest.mark.rule(39)
def test_an_issuer_that_was_promised_may_not_be_missing() -> None:
    with pytest.raises(AuthorizationResponseError):
        validate_authorization_response(expected_issuer=ISSUER, iss=None, iss_supported=True)


def test_without_a_recorded_issuer_there_is_nothing_to_compare() -> None:
    validate_authorization_response(expected_issuer=None, iss=ISSUER, iss_supported=False)

import json
from typing import Any

import pytest

from chalicelib.oauth2.errors import UnusableDocumentError
from chalicelib.oauth2.metadata import (
    build_authorization_server_metadata_urls,
    build_protected_resource_metadata_urls,
    is_resource_of,
    parse_authorization_server_metadata,
    parse_protected_resource_metadata,
)
from chalicelib.oauth2.models import AuthorizationServerMetadata

PRM = "https://h.example/.well-known/oauth-protected-resource"
ISSUER = "https://auth.example"


@pytest.mark.rule(4)
@pytest.mark.parametrize(
    ("server_url", "expected"),
    [
        ("https://h.example", [PRM]),
        ("https://h.example/", [PRM]),
        ("https://h.example/mcp", [f"{PRM}/mcp", PRM]),
        ("https://h.example/a/mcp/", [f"{PRM}/a/mcp/", PRM]),
        ("https://h.example/mcp?tenant=x", [f"{PRM}/mcp?tenant=x", PRM]),
    ],
)
def test_resource_metadata_is_looked_for_by_path_then_at_the_root(
    server_url: str, expected: list[str]
) -> None:
    assert build_protected_resource_metadata_urls(server_url, None) == expected


@pytest.mark.rule(3)
def test_the_place_that_the_challenge_names_comes_first_and_only_once() -> None:
    urls = build_protected_resource_metadata_urls("https://h.example/mcp", "https://m.example/x")
    assert urls == ["https://m.example/x", f"{PRM}/mcp", PRM]
    assert build_protected_resource_metadata_urls("https://h.example/mcp", PRM) == [
        PRM,
        f"{PRM}/mcp",
    ]


@pytest.mark.rule(11, "trap:trailing-slash")
@pytest.mark.parametrize("issuer", ["https://auth.example", "https://auth.example/"])
def test_an_issuer_without_a_path_has_two_places(issuer: str) -> None:
    assert build_authorization_server_metadata_urls(issuer) == [
        "https://auth.example/.well-known/oauth-authorization-server",
        "https://auth.example/.well-known/openid-configuration",
    ]


@pytest.mark.rule(10, "trap:mounted-server")
@pytest.mark.parametrize(
    "issuer", ["https://auth.example:8443/a/b", "https://auth.example:8443/a/b/"]
)
def test_an_issuer_with_a_path_has_three_places_and_never_the_root(issuer: str) -> None:
    assert build_authorization_server_metadata_urls(issuer) == [
        "https://auth.example:8443/.well-known/oauth-authorization-server/a/b",
        "https://auth.example:8443/.well-known/openid-configuration/a/b",
        "https://auth.example:8443/a/b/.well-known/openid-configuration",
    ]


@pytest.mark.rule(38)
@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "auth.example",
        "file:///etc/passwd",
        "https://auth.example?x=y",
        "https://auth.example?",
        "https://auth.example/#f",
        "https://user@auth.example",
    ],
)
def test_what_no_issuer_can_be_has_no_place(issuer: str) -> None:
    with pytest.raises(UnusableDocumentError):
        build_authorization_server_metadata_urls(issuer)


@pytest.mark.rule(5)
@pytest.mark.parametrize(
    ("resource", "server_url"),
    [
        ("https://h.example/mcp", "https://h.example/mcp"),
        ("https://h.example", "https://h.example/mcp"),
        ("https://h.example/", "https://h.example/a/mcp"),
        ("https://h.example/a", "https://h.example/a/mcp"),
        ("https://h.example/mcp/", "https://h.example/mcp"),
        ("https://h.example/mcp", "https://h.example/mcp/"),
        ("https://H.example:443/mcp", "https://h.example/mcp"),
        ("https://h.example/mcp", "https://h.example/mcp?tenant=x"),
        ("https://h.example/mcp?tenant=x", "https://h.example/mcp?tenant=x"),
    ],
)
def test_a_resource_covers_its_own_paths(resource: str, server_url: str) -> None:
    assert is_resource_of(resource, server_url)


@pytest.mark.rule(5)
@pytest.mark.parametrize(
    "resource",
    [
        "https://evil.example/mcp",
        "https://sub.h.example/mcp",
        "https://h.example:8443/mcp",
        "http://h.example/mcp",
        "https://h.example/mc",
        "https://h.example/mcp/deeper",
        "https://h.example/MCP",
        "https://h.example/mcp?tenant=y",
        "https://h.example/mcp#fragment",
        "https://user@h.example/mcp",
        "h.example/mcp",
        "urn:mcp",
        "",
    ],
)
def test_a_resource_covers_nothing_else(resource: str) -> None:
    assert not is_resource_of(resource, "https://h.example/mcp")


def resource_document(**changes: Any) -> bytes:
    document = {"resource": "https://h.example/mcp", "authorization_servers": [ISSUER]}
    return json.dumps({**document, **changes}).encode()


@pytest.mark.rule(31)
def test_resource_metadata_is_kept_as_spelled() -> None:
    found = parse_protected_resource_metadata(
        resource_document(
            resource="https://H.example", authorization_servers=["https://A.example/", ISSUER]
        )
    )
    assert found.resource == "https://H.example"
    assert found.authorization_servers == ("https://A.example/", ISSUER)
    assert found.scopes_supported == ()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!doctype html><html></html>", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (resource_document(authorization_servers=[]), "it names no authorization_servers"),
        (resource_document(authorization_servers=None), "it names no authorization_servers"),
        (resource_document(authorization_servers="x"), "authorization_servers is not what"),
        (resource_document(authorization_servers=[1]), "authorization_servers is not what"),
        (resource_document(resource=None), "resource is not what"),
        (resource_document(resource="x" * 5000), "resource is not what"),
        (b'{"authorization_servers": ["https://a"]}', "resource is missing"),
    ],
)
def test_resource_metadata_without_what_is_needed_is_unusable(body: bytes, reason: str) -> None:
    with pytest.raises(UnusableDocumentError) as refused:
        parse_protected_resource_metadata(body)
    assert refused.value.message.startswith(reason)


def server_document(**changes: Any) -> bytes:
    document = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "code_challenge_methods_supported": ["plain", "S256"],
    }
    changed = {**document, **changes}
    return json.dumps({k: v for k, v in changed.items() if v != "gone"}).encode()


def test_what_server_metadata_leaves_out_has_the_defaults_of_rfc_8414() -> None:
    assert parse_authorization_server_metadata(
        server_document(scopes_supported=None), ISSUER
    ) == AuthorizationServerMetadata(
        issuer=ISSUER,
        authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token",
        registration_endpoint=None,
        revocation_endpoint=None,
        scopes_supported=(),
        code_challenge_methods_supported=("plain", "S256"),
        token_endpoint_auth_methods_supported=("client_secret_basic",),
        authorization_response_iss_parameter_supported=False,
        client_id_metadata_document_supported=False,
    )


@pytest.mark.rule(12, 27, 29, 37)
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": "https://evil.example"}, "its issuer differs from the one asked for"),
        (
            {"issuer": f"{ISSUER}/"},
            "its issuer differs from the one asked for, by a trailing slash",
        ),
        ({"issuer": "https://AUTH.example"}, "its issuer differs from the one asked for"),
        ({"issuer": "gone"}, "issuer is missing"),
        ({"authorization_endpoint": "gone"}, "authorization_endpoint is missing"),
        ({"token_endpoint": "gone"}, "token_endpoint is missing"),
        ({"token_endpoint": 7}, "token_endpoint is not what it should be"),
        ({"token_endpoint": ""}, "token_endpoint is not https"),
        ({"token_endpoint": "http://auth.example/token"}, "token_endpoint is not https"),
        ({"registration_endpoint": "http://auth.example/r"}, "registration_endpoint is not https"),
        ({"revocation_endpoint": "ftp://auth.example/r"}, "revocation_endpoint is not https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint is not https"),
        (
            {"authorization_endpoint": "http://auth.example/a"},
            "authorization_endpoint is not https",
        ),
        *(
            (
                {"code_challenge_methods_supported": methods},
                "code_challenge_methods_supported does not list S256, so PKCE is not certain",
            )
            for methods in ("gone", None, [], ["plain"])
        ),
    ],
)
def test_server_metadata_that_breaks_a_rule_is_unusable(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnusableDocumentError) as refused:
        parse_authorization_server_metadata(server_document(**changes), ISSUER)
    assert refused.value.message == reason


@pytest.mark.rule(27)
def test_an_issuer_on_plain_http_may_have_endpoints_on_plain_http() -> None:
    issuer = "http://localhost:9000"
    endpoints = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
    }
    found = parse_authorization_server_metadata(server_document(**endpoints), issuer)
    assert found.token_endpoint == f"{issuer}/token"

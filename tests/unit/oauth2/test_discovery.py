"""Discovery as MCP 2026-07-28 asks for it; the numbers are those of `mcp-rules.md` section 1."""

import json
from collections.abc import Iterator

import httpx
import pytest

from chalicelib.egress import Egress, EgressRefusedError
from chalicelib.oauth2.discovery import discover
from chalicelib.oauth2.errors import DiscoveryError
from tests.support.authorization_server import (
    OPENID_APPENDED,
    OPENID_INSERTED,
    RFC8414,
    AuthorizationServer,
)
from tests.support.internet import FakeInternet
from tests.support.resource_server import PATH_INSERTED, ROOT, ResourceServer

MCP = "https://tools.example/mcp"
PRM = "https://tools.example/.well-known/oauth-protected-resource"
SERVER_METADATA = "https://auth.example/.well-known/oauth-authorization-server"
OPENID_METADATA = "https://auth.example/.well-known/openid-configuration"


def failure(egress: Egress, url: str = MCP) -> str:
    with pytest.raises(DiscoveryError) as failed:
        discover(egress, url)
    assert failed.value.code == "oauth2_discovery_failed"
    assert "manually" in failed.value.detail
    return failed.value.message


@pytest.mark.rule(1, 9)
def test_a_url_leads_to_its_authorization_server(
    internet: FakeInternet, egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    found = discover(egress, MCP)
    assert found.resource == MCP
    assert found.server.issuer == auth.issuer
    assert found.server.token_endpoint == "https://auth.example/token"
    assert found.server.revocation_endpoint == "https://auth.example/revoke"
    assert found.server.authorization_response_iss_parameter_supported
    assert internet.calls == [f"POST {MCP}", f"GET {PRM}/mcp", f"GET {SERVER_METADATA}"]


@pytest.mark.rule(2)
def test_the_probe_is_a_request_that_an_mcp_server_understands(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    discover(egress, MCP)
    probe = internet.requests[0]
    message = json.loads(probe.content)
    assert (message["jsonrpc"], message["method"]) == ("2.0", "tools/list")
    version = message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"]
    assert probe.headers["MCP-Protocol-Version"] == version
    assert probe.headers["Mcp-Method"] == "tools/list"
    assert probe.headers["Accept"] == "application/json, text/event-stream"
    assert "Authorization" not in probe.headers


@pytest.mark.rule(3)
def test_the_place_that_the_challenge_names_is_used(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    """Rule 3; the well-known places hold another document, as a trap."""
    mcp.places = ("/custom/metadata",)
    internet.add_page(f"{PRM}/mcp", {"resource": "https://evil.example"})
    assert discover(egress, MCP).resource == MCP
    assert internet.urls[0] == "https://tools.example/custom/metadata"


@pytest.mark.rule(4)
def test_without_a_challenge_the_path_comes_first(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    """Rule 4; the document at the root is a trap."""
    mcp.challenges = False
    internet.add_page(PRM, {"resource": "https://evil.example"})
    assert discover(egress, MCP).resource == MCP
    assert PRM not in internet.urls


@pytest.mark.rule(4, 31)
def test_then_the_root_and_its_resource_is_kept_as_spelled(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    """Rules 4 and 31: the bare origin stays without a slash."""
    mcp.challenges, mcp.places, mcp.resource = False, (ROOT,), "https://tools.example"
    assert discover(egress, MCP).resource == "https://tools.example"
    assert internet.urls[:2] == [f"{PRM}/mcp", PRM]


@pytest.mark.rule(31)
def test_a_trailing_slash_of_the_path_is_kept(
    internet: FakeInternet, egress: Egress, auth: AuthorizationServer
) -> None:
    ResourceServer(f"{MCP}/", [auth], challenges=False).join(internet)
    assert discover(egress, f"{MCP}/").resource == f"{MCP}/"
    assert internet.urls[0] == f"{PRM}/mcp/"


@pytest.mark.rule(31)
def test_a_fragment_of_the_url_is_not_sent(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    assert discover(egress, f"{MCP}#tools").resource == MCP
    assert internet.calls[:2] == [f"POST {MCP}", f"GET {PRM}/mcp"]


@pytest.mark.rule(4, 52)
def test_a_place_that_the_challenge_names_wrongly_falls_back_to_the_known_ones(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    wrong = 'Bearer resource_metadata="http://169.254.169.254/latest"'
    internet.add_page(MCP, httpx.Response(401, headers={"WWW-Authenticate": wrong}))
    assert discover(egress, MCP).resource == MCP


@pytest.mark.rule(4)
@pytest.mark.parametrize(
    "page",
    [
        httpx.Response(500),
        httpx.Response(200, content=b"<!doctype html><title>Welcome</title>"),
        httpx.Response(200, content=b"[]"),
        httpx.Response(200, content=b'{"resource": "https://tools.example/mcp"}'),
        httpx.Response(
            200,
            content=b'{"resource": "https://tools.example/mcp", "authorization_servers": []}',
        ),
        httpx.Response(200, content=b"x" * (2 << 20)),
        httpx.Response(302, headers={"Location": "http://169.254.169.254/"}),
    ],
)
def test_an_unusable_document_falls_to_the_next_place(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer, page: httpx.Response
) -> None:
    mcp.places = (ROOT,)
    internet.add_page(f"{PRM}/mcp", page)
    assert discover(egress, MCP).resource == MCP


@pytest.mark.rule(2, "trap:quoted-challenge")
def test_several_header_lines_of_challenges_are_all_read(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    mcp.places = ("/custom",)
    lines = [
        ("WWW-Authenticate", 'Basic realm="Bearer resource_metadata=https://evil.example"'),
        ("WWW-Authenticate", 'Bearer resource_metadata="https://tools.example/custom"'),
    ]
    internet.add_page(MCP, httpx.Response(401, headers=lines))
    assert discover(egress, MCP).resource == MCP
    assert internet.urls[0] == "https://tools.example/custom"


def endless_stream() -> Iterator[bytes]:
    while True:
        yield b": still here\n\n"


@pytest.mark.rule(4)
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"{}"),
        httpx.Response(400),
        httpx.Response(404),
        httpx.Response(405),
        httpx.Response(500),
        httpx.Response(301, headers={"Location": "https://elsewhere.example/mcp"}),
    ],
)
def test_a_server_that_does_not_challenge_is_asked_for_its_metadata_all_the_same(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer, answer: httpx.Response
) -> None:
    internet.add_page(MCP, answer)
    assert discover(egress, MCP).resource == MCP


def test_the_body_of_the_probes_answer_is_not_read(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    internet.add_page(MCP, lambda _: httpx.Response(200, content=endless_stream()))
    assert discover(egress, MCP).resource == MCP


def test_a_server_that_breaks_the_probe_off_is_asked_for_its_metadata_all_the_same(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    internet.add_page(MCP, break_off)
    assert discover(egress, MCP).resource == MCP


@pytest.mark.rule(5)
@pytest.mark.parametrize(
    "resource",
    ["https://evil.example/mcp", "https://tools.example/other", "https://tools.example/mcp/admin"],
)
def test_metadata_of_another_resource_ends_the_search(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer, resource: str
) -> None:
    """Rule 5: the authorization server is not even asked."""
    mcp.metadata_changes = {"resource": resource}
    message = failure(egress)
    assert f"{PRM}/mcp: its resource is not this server's URL" in message
    assert internet.calls == [f"POST {MCP}", f"GET {PRM}/mcp"]


@pytest.mark.rule(9, 10, 11, "trap:mounted-server")
@pytest.mark.parametrize(
    ("issuer", "place", "expected_urls"),
    [
        ("https://auth.example", RFC8414, [SERVER_METADATA]),
        ("https://auth.example", OPENID_INSERTED, [SERVER_METADATA, OPENID_METADATA]),
        ("https://auth.example/t", RFC8414, [f"{SERVER_METADATA}/t"]),
        (
            "https://auth.example/t",
            OPENID_INSERTED,
            [f"{SERVER_METADATA}/t", f"{OPENID_METADATA}/t"],
        ),
        (
            "https://auth.example/t",
            OPENID_APPENDED,
            [
                f"{SERVER_METADATA}/t",
                f"{OPENID_METADATA}/t",
                "https://auth.example/t/.well-known/openid-configuration",
            ],
        ),
        ("https://auth.example/t/", RFC8414, [f"{SERVER_METADATA}/t"]),
    ],
)
def test_server_metadata_is_found_at_the_ordered_places(
    internet: FakeInternet, egress: Egress, issuer: str, place: str, expected_urls: list[str]
) -> None:
    """Rules 9 to 11; an issuer keeps its trailing slash where it is compared."""
    auth = AuthorizationServer(issuer, places=(place,)).join(internet)
    ResourceServer(MCP, [auth]).join(internet)
    assert discover(egress, MCP).server.issuer == issuer
    assert internet.urls[1:] == expected_urls


@pytest.mark.rule(12)
def test_metadata_of_another_issuer_is_not_used(
    internet: FakeInternet, egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    """Rule 12."""
    auth.metadata_changes = {"issuer": "https://evil.example"}
    message = failure(egress)
    assert f"{SERVER_METADATA}: its issuer differs from the one asked for" in message
    assert "evil.example" not in message
    assert [call for call in internet.calls if call.startswith("POST")] == [f"POST {MCP}"]


@pytest.mark.rule(12, "trap:trailing-slash")
def test_a_trailing_slash_makes_another_issuer_and_the_error_says_so(
    egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    mcp.metadata_changes = {"authorization_servers": ["https://auth.example/"]}
    assert "differs from the one asked for, by a trailing slash" in failure(egress)


@pytest.mark.rule(12)
def test_the_next_place_may_have_the_right_issuer(
    internet: FakeInternet, egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    auth.places = (OPENID_INSERTED,)
    internet.add_page(SERVER_METADATA, {**auth.metadata, "issuer": "https://evil.example"})
    assert discover(egress, MCP).server.issuer == auth.issuer


@pytest.mark.rule(29)
@pytest.mark.parametrize("methods", [None, [], ["plain"]])
def test_a_server_that_does_not_promise_pkce_is_refused(
    internet: FakeInternet,
    egress: Egress,
    auth: AuthorizationServer,
    mcp: ResourceServer,
    methods: list[str] | None,
) -> None:
    """Rule 29."""
    auth.metadata_changes = {"code_challenge_methods_supported": methods}
    assert "code_challenge_methods_supported does not list S256" in failure(egress)
    assert not auth.registrations


@pytest.mark.rule(7, "trap:first-server-only")
def test_authorization_servers_are_tried_in_order(
    internet: FakeInternet, egress: Egress, auth: AuthorizationServer
) -> None:
    """Rule 7; the first is down, the second is no issuer, the third speaks for another."""
    down = AuthorizationServer("https://down.example")
    odd = AuthorizationServer("https://odd.example?tenant=1")
    liar = AuthorizationServer("https://liar.example").join(internet)
    liar.metadata_changes = {"issuer": auth.issuer}
    ResourceServer(MCP, [down, odd, liar, auth]).join(internet)
    assert discover(egress, MCP).server.issuer == auth.issuer


@pytest.mark.rule(7, 52)
def test_no_more_authorization_servers_are_tried_than_a_request_has_time_for(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    mcp.metadata_changes = {
        "authorization_servers": [f"https://down{number}.example" for number in range(50)]
    }
    failure(egress)
    assert len(internet.urls) == 1 + 5 * 2


@pytest.mark.rule(32, 33, 34)
def test_scopes_are_those_of_the_challenge(egress: Egress, mcp: ResourceServer) -> None:
    """Rules 32 and 33: the challenge counts, whatever the metadata lists."""
    mcp.challenge_scope = "tools:list extra"
    assert discover(egress, MCP).scopes == ("tools:list", "extra")


@pytest.mark.rule(32)
def test_else_they_are_those_of_the_resource(egress: Egress, mcp: ResourceServer) -> None:
    assert discover(egress, MCP).scopes == ("read", "write")


@pytest.mark.rule(32, 34)
@pytest.mark.parametrize("scopes", [None, []])
def test_else_there_are_none_and_never_those_of_the_authorization_server(
    egress: Egress, mcp: ResourceServer, scopes: list[str] | None
) -> None:
    mcp.metadata_changes = {"scopes_supported": scopes}
    found = discover(egress, MCP)
    assert found.scopes == ()
    assert found.server.scopes_supported == ("everything", "and", "more")


@pytest.mark.rule(6, 38)
def test_the_error_names_the_step_and_every_url_with_its_problem(
    internet: FakeInternet, egress: Egress
) -> None:
    """The query and the body, which may hold secrets, are left out."""
    url = "https://tools.example/mcp?key=sentinel-query"
    html = httpx.Response(200, content=b"<html>sentinel-body</html>")
    internet.add_host("https://tools.example", lambda _: httpx.Response(404))
    internet.add_page(f"{PRM}/mcp?key=sentinel-query", html)
    message = failure(egress, url)
    assert message == (
        "OAuth2 auto-discovery failed: no usable protected resource metadata (RFC 9728). "
        "https://tools.example/mcp: HTTP 404 without a Bearer challenge; "
        f"{PRM}/mcp: not JSON; {PRM}: HTTP 404."
    )


@pytest.mark.rule(6)
def test_the_error_of_the_second_step_names_only_its_own_urls(
    internet: FakeInternet, egress: Egress, auth: AuthorizationServer, mcp: ResourceServer
) -> None:
    mcp.challenges, auth.places = False, ()
    assert failure(egress) == (
        "OAuth2 auto-discovery failed: no usable authorization server metadata (RFC 8414). "
        f"{SERVER_METADATA}: HTTP 404; {OPENID_METADATA}: HTTP 404."
    )


@pytest.mark.rule(52)
def test_a_server_that_may_not_be_reached_is_refused_at_once(
    internet: FakeInternet, egress: Egress
) -> None:
    with pytest.raises(EgressRefusedError):
        discover(egress, "https://169.254.169.254/mcp")
    assert internet.calls == []


@pytest.mark.rule(52, 53)
@pytest.mark.parametrize("issuer", ["https://10.0.0.1", "http://auth.example", "file:///etc"])
def test_an_authorization_server_that_may_not_be_reached_is_not_asked(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer, issuer: str
) -> None:
    """Rule 52."""
    mcp.metadata_changes = {"authorization_servers": [issuer]}
    failure(egress)
    assert internet.calls == [f"POST {MCP}", f"GET {PRM}/mcp"]


def test_a_url_that_cannot_be_judged_is_a_clear_error(
    internet: FakeInternet, egress: Egress
) -> None:
    internet.add_host("https://tools.example", lambda _: httpx.Response(404))
    assert "not an http(s) URL" in failure(egress, "https://tools.example/{mcp}")


def test_documents_are_asked_for_as_json_of_the_newest_protocol(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    discover(egress, MCP)
    for request in internet.requests[1:]:
        assert request.headers["Accept"] == "application/json"
        assert request.headers["MCP-Protocol-Version"] == "2026-07-28"


@pytest.mark.rule(52)
def test_discovery_gives_up_in_time(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    with pytest.raises(DiscoveryError, match="discovery took too long"):
        discover(egress, MCP, budget=0)
    assert internet.calls == []


def test_no_single_request_can_spend_the_whole_budget(
    internet: FakeInternet, egress: Egress, mcp: ResourceServer
) -> None:
    discover(egress, MCP)
    assert all(request.extensions["timeout"]["read"] <= 5 for request in internet.requests)


def test_both_places_of_resource_metadata_may_be_published(
    egress: Egress, mcp: ResourceServer
) -> None:
    mcp.places = (PATH_INSERTED, ROOT)
    assert discover(egress, MCP).resource == MCP

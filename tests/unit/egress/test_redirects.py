import httpx
import pytest

from chalicelib.egress import (
    Egress,
    EgressRefusedError,
    EgressResponseError,
    EgressTimeoutError,
)
from tests.support.loopback import always, answer
from tests.unit.egress.conftest import LOCAL, Serve

START = "https://a.test/start?key=sentinel"


class Internet:
    """Redirects from `START` to where the test says; everywhere else the journey ends."""

    def __init__(self, location: str, status: int = 302) -> None:
        self.requests: list[httpx.Request] = []
        self._location = location
        self._status = status
        self.egress = Egress(LOCAL, transport=httpx.MockTransport(self._handle))

    @property
    def urls(self) -> list[str]:
        return [str(request.url) for request in self.requests]

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if str(request.url) == START:
            return httpx.Response(self._status, headers={"Location": self._location})
        return httpx.Response(200, content=b"arrived")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["https://b.test/x", "/x", "?x", "//b.test:8443/x"])
def test_a_get_without_credentials_follows_redirects(status: int, location: str) -> None:
    internet = Internet(location, status)
    response = internet.egress.request("GET", START)
    assert response.body == b"arrived"
    assert response.url == str(httpx.URL(START).join(location))


@pytest.mark.rule(55)
@pytest.mark.parametrize(
    "location",
    [
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://[sentinel/",
        "https://user:sentinel@b.test/",
        "ftp://b.test/",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_is_checked_like_the_first_url(location: str) -> None:
    internet = Internet(location)
    with pytest.raises(EgressRefusedError) as caught:
        internet.egress.request("GET", START)
    assert "sentinel" not in caught.value.message
    assert internet.urls == [START]


@pytest.mark.rule(55)
def test_a_redirect_of_a_real_server_to_a_private_address_is_refused(
    serve: Serve, egress: Egress
) -> None:
    server = serve(always(answer("302 Found", Location="http://169.254.169.254/latest/meta-data")))
    with pytest.raises(EgressRefusedError):
        egress.request("GET", server.url())


@pytest.mark.rule(55)
def test_a_redirect_to_a_name_with_a_private_address_is_refused(serve: Serve) -> None:
    server = serve(always(answer("302 Found", Location="http://inside.test/")))
    egress = Egress(LOCAL, resolver=lambda _: ["10.0.0.1"])
    with pytest.raises(EgressRefusedError, match=r"inside\.test"):
        egress.request("GET", server.url())
    egress.close()


@pytest.mark.rule(53, 55)
def test_a_downgrade_from_https_to_plain_http_is_refused() -> None:
    internet = Internet("http://127.0.0.1/")
    with pytest.raises(EgressResponseError, match=r"a\.test redirects from https to plain http"):
        internet.egress.request("GET", START)
    assert internet.urls == [START]


@pytest.mark.rule(55)
def test_five_redirects_are_followed_and_a_sixth_is_not(serve: Serve, egress: Egress) -> None:
    server = serve(always(answer("302 Found", Location="/again")))
    with pytest.raises(EgressResponseError, match="redirects more than 5 times"):
        egress.request("GET", server.url())
    assert len(server.requests) == 6


def test_a_redirect_to_nonsense_is_refused() -> None:
    with pytest.raises(EgressResponseError, match="no URL"):
        Internet("https://b.test:sentinel/").egress.request("GET", START)


@pytest.mark.rule(43, 55)
@pytest.mark.parametrize(
    ("method", "headers", "credentials"),
    [
        ("GET", {}, True),
        ("GET", {"Authorization": "Bearer sentinel"}, False),
        ("GET", {"cookie": "a=sentinel"}, False),
        ("POST", {}, False),
        ("DELETE", {}, False),
    ],
)
def test_credentials_and_bodies_never_leave_their_origin(
    method: str, headers: dict[str, str], credentials: bool
) -> None:
    for location in ("https://b.test/", "https://a.test:8443/", "https://a.test.b.test/"):
        for status in (301, 302, 303, 307, 308):
            internet = Internet(location, status)
            with pytest.raises(EgressResponseError, match=r"^a\.test redirects") as caught:
                internet.egress.request(method, START, headers=headers, credentials=credentials)
            assert "sentinel" not in caught.value.message
            assert internet.urls == [START]


@pytest.mark.rule(55)
@pytest.mark.parametrize("status", [307, 308])
def test_within_its_origin_a_request_with_credentials_is_repeated_whole(status: int) -> None:
    internet = Internet("https://A.test:443/new", status)
    headers = {"Authorization": "Bearer x"}
    response = internet.egress.request("POST", START, headers=headers, content=b"body")
    assert response.url == "https://a.test/new"
    repeated = internet.requests[1]
    assert (repeated.method, repeated.content) == ("POST", b"body")
    assert repeated.headers["Authorization"] == "Bearer x"


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_would_drop_the_body_is_not_followed(status: int) -> None:
    with pytest.raises(EgressResponseError, match="If it has moved, use its new URL"):
        Internet("/new", status).egress.request("POST", START, content=b"body")


def test_a_redirect_status_without_a_location_is_an_answer() -> None:
    assert Internet("", 302).egress.request("GET", START).status == 302


@pytest.mark.rule(52)
def test_redirects_do_not_renew_the_budget(serve: Serve, egress: Egress) -> None:
    silent = serve(lambda connection, _: connection.hang())
    server = serve(always(answer("302 Found", Location=silent.url())))
    with pytest.raises(EgressTimeoutError, match=r"within 0\.3 seconds"):
        egress.request("GET", server.url(), budget=0.3)

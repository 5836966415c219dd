import ipaddress

import httpx
import pytest

from chalicelib.egress import Egress, EgressRefusedError
from tests.unit.egress.conftest import LOCAL

BLOCKED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 - it is asked for, not bound
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::808:808]",
    "[64:ff9b:1::1]",
    "[64:ff9b:1:ffff:ffff:ffff:808:808]",
    "[100::1]",
    "[100::ffff:ffff:ffff:ffff]",
    "[1fff::1]",
    "[2001::1]",
    "[2001:1ff:ffff::1]",
    "[2001:2::1]",
    "[2001:db8::1]",
    "[2002:7f00:1::]",
    "[2002:808:808::]",
    "[3fff::1]",
    "[4000::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fdff:ffff::1]",
    "[fe80::1]",
    "[febf::1]",
    "[fec0::1]",
    "[ff02::1]",
]

UNUSUAL = [
    *("2130706433", "0177.0.0.1", "0x7f.1", "0x7f000001", "127.1", "0", "127.0.0.0x1", "1.2.3"),
    *("017700000001", "0300.0250.0.1", "0xA9FEA9FE", "169.254.43518", "0x0a.0.0.1", "%31.1.1.1"),
    *("2852039166", "4294967296", "1.1.1.1.1", "256.1.1.1", "01.1.1.1", "0000000001.1.1.1"),
]


@pytest.mark.rule(52, 54)
@pytest.mark.parametrize("host", BLOCKED)
def test_private_and_reserved_addresses_are_refused(host: str) -> None:
    with pytest.raises(EgressRefusedError, match="not permitted"):
        Egress().check_url(f"https://{host}/mcp")


@pytest.mark.rule(54)
@pytest.mark.parametrize("host", ["1.1.1.1", "100.63.255.255", "172.32.0.1", "[2606:4700::1111]"])
def test_public_addresses_are_permitted(host: str) -> None:
    Egress().check_url(f"https://{host}/mcp")


@pytest.mark.rule(54)
@pytest.mark.parametrize("host", UNUSUAL)
def test_addresses_in_an_unusual_notation_are_refused(host: str) -> None:
    with pytest.raises(EgressRefusedError):  # Or "not valid", where httpx refuses it already.
        Egress(LOCAL).check_url(f"https://{host}/mcp")


@pytest.mark.rule(54)
@pytest.mark.parametrize(
    "host", ["127.0.0.1.", "localhost", "LOCALHOST", "x.localhost", "①②⑦.0.0.1"]
)
def test_other_spellings_of_loopback_are_refused(host: str) -> None:
    with pytest.raises(EgressRefusedError):
        Egress().check_url(f"https://{host}/mcp")


@pytest.mark.rule(38)
@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "example.com",
        "",
        "https://",
        "https:///mcp",
        "https://user:sentinel@example.com/",
        "https://sentinel@example.com/",
        "https://example.com\\@10.0.0.1/",
        "https://exa mple.com/",
        "https://exa%6dple.com/",
        "https://example.com:sentinel/",
        "https://[::1/",
        "https://example.com/\x00sentinel",
        f"https://{'a' * 300}.com/",
    ],
)
def test_urls_that_are_not_plain_http_urls_are_refused_without_quoting_them(url: str) -> None:
    with pytest.raises(EgressRefusedError) as caught:
        Egress().check_url(url)
    assert "sentinel" not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.rule(53)
def test_plain_http_to_a_public_server_is_refused() -> None:
    for egress in (Egress(), Egress([ipaddress.ip_network("10.0.0.0/8")])):
        with pytest.raises(EgressRefusedError, match=r"Plain http to 1\.1\.1\.1 is not permitted"):
            egress.check_url("http://1.1.1.1/mcp")


@pytest.mark.rule(53)
def test_plain_http_to_a_name_is_refused_when_no_private_network_is_allowed() -> None:
    with pytest.raises(EgressRefusedError, match="use https"):
        Egress().check_url("http://example.com/mcp")


@pytest.mark.rule(53, 54)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_allowed_private_network_may_be_reached_and_no_other(scheme: str) -> None:
    egress = Egress([ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd00:1::/32")])
    for host in ("10.20.0.1", "[::ffff:10.20.0.1]", "[fd00:1::1]"):
        egress.check_url(f"{scheme}://{host}/mcp")
    for host in ("10.21.0.1", "127.0.0.1", "[fd00:2::1]"):
        with pytest.raises(EgressRefusedError):
            egress.check_url(f"{scheme}://{host}/mcp")


def test_a_refusal_names_the_host_and_the_setting_and_not_the_query() -> None:
    with pytest.raises(EgressRefusedError) as caught:
        Egress().check_url("https://10.0.0.1/mcp?key=sentinel#sentinel")
    assert caught.value.message == (
        "Requests to 10.0.0.1 are not permitted: it is, or resolves to, a private or reserved "
        "address; an operator may allow it with CIBORIUM_ALLOWED_PRIVATE_CIDRS."
    )


@pytest.mark.rule(52)
def test_urls_are_checked_before_a_replaced_transport_is_asked() -> None:
    asked: list[httpx.Request] = []

    def record(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    egress = Egress(transport=httpx.MockTransport(record))
    with pytest.raises(EgressRefusedError):
        egress.request("GET", "https://169.254.169.254/latest/meta-data")
    assert egress.request("GET", "https://example.com/").status == 200
    assert [str(request.url) for request in asked] == ["https://example.com/"]

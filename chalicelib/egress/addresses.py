"""Which addresses an outbound request may reach (IANA special-purpose registries, RFC 6890)."""

import ipaddress
import re
from collections.abc import Iterable, Sequence

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# The tables are ours: `ipaddress.is_global` answers differently from one Python release to another.
_BLOCKED_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network, and unspecified
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: the cloud's metadata service
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, withdrawn
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Everything outside is loopback, unspecified, fc00::/7, fe80::/10, multicast, 100::/64,
# the NAT64 prefixes 64:ff9b::/96 and 64:ff9b:1::/48, or not assigned at all.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_BLOCKED_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks (2001:2::/48), ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 wraps any IPv4 address
        "3fff::/20",  # documentation
    )
)
_V4_COMPATIBLE = ipaddress.IPv6Network("::/96")
# What URL parsers of other programs read as an IPv4 address: 2130706433, 0x7f.1, 0177.0.0.1.
_NUMERIC_LABEL = re.compile(r"0x[0-9a-f]*|[0-9]+")


def parse_address(text: str) -> IPAddress | None:
    """The address that `text` is the usual notation of, or None."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_unusual_address(host: str) -> bool:
    """Whether a host that is no usual address still ends in a number.

    Such a host is an IPv4 address in an unusual notation (WHATWG URL, "ends in a number"): no name
    has a numeric top-level domain.
    """
    return bool(_NUMERIC_LABEL.fullmatch(host.rsplit(".", 1)[-1]))


class AddressPolicy:
    """Public addresses are permitted, and private ones in the networks that an operator allows."""

    def __init__(self, allowed_private_cidrs: Iterable[IPNetwork]) -> None:
        self._allowed = tuple(allowed_private_cidrs)

    @property
    def allows_plaintext(self) -> bool:
        """Whether there is any network that plain http may go to."""
        return bool(self._allowed)

    def permits(self, addresses: Sequence[IPAddress], *, plaintext: bool) -> bool:
        """Whether a server may be reached that has these addresses: every one must pass.

        A name with one public and one private address is how rebinding begins.
        """
        return all(self._permits(_unmap(address), plaintext) for address in addresses)

    def _permits(self, address: IPAddress, plaintext: bool) -> bool:
        if any(address in network for network in self._allowed):
            return True
        return not plaintext and _is_public(address)


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _BLOCKED_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _BLOCKED_V6)


def _unmap(address: IPAddress) -> IPAddress:
    """An IPv4 address written as IPv6 (::ffff:a.b.c.d, ::a.b.c.d) is judged as the IPv4 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _V4_COMPATIBLE and int(address) > 1:
        return ipaddress.IPv4Address(int(address))
    return address

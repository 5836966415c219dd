"""What we ask of URLs that other servers name."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_LONGEST_DISPLAY = 200
# Browsers read a backslash as a slash and drop line breaks; Python's parser does neither, so a URL
# with such characters leads elsewhere than it was judged by.
_PLAIN = re.compile(r"[!#-;=?-\[\]_a-z|~]+", re.ASCII)


def split_web_url(url: str) -> SplitResult | None:
    """The parts of an absolute http(s) URL without user or fragment, or None if it is not one."""
    try:
        parts = urlsplit(url)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        return None
    if not _PLAIN.fullmatch(url) or parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    has_extras = "@" in parts.netloc or "#" in url
    return parts if port_is_sound and not has_extras else None


def is_loopback(hostname: str) -> bool:
    """Whether a host name or literal address can only mean the machine itself (RFC 6761, 6890)."""
    if hostname == "localhost" or hostname.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port; two URLs share an origin if these are equal (RFC 6454 section 4)."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, parts.hostname or "", port


def display_url(url: str) -> str:
    """A URL for error texts: without user, query and fragment, which may carry secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(an unreadable URL)"
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return "".join(c for c in shown if c.isprintable())[:_LONGEST_DISPLAY]

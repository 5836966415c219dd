"""Cookies: reading the request's, writing ours (RFC 6265)."""

from chalicelib.config import PublicURL

_SESSION = "ciborium_session"


def parse_cookies(header: str) -> dict[str, str]:
    """The cookies of a `Cookie` header; the first of a name wins, as the most specific path's."""
    cookies: dict[str, str] = {}
    for pair in header.split(";"):
        name, separator, value = pair.strip().partition("=")
        if separator:
            cookies.setdefault(name, value)
    return cookies


def build_cookie(name: str, value: str, *, path: str, max_age: int, secure: bool) -> str:
    """A `Set-Cookie` value that scripts cannot read and other sites' forms do not send."""
    attributes = [f"{name}={value}", f"Path={path}", f"Max-Age={max_age}", "HttpOnly"]
    attributes += ["SameSite=Lax", *(["Secure"] if secure else [])]
    return "; ".join(attributes)


def session_cookie_name(public_url: PublicURL) -> str:
    """The session cookie's name; the prefix makes browsers refuse a planted one (RFC 6265bis)."""
    return f"__Host-{_SESSION}" if public_url.is_https else _SESSION


def build_session_cookie(public_url: PublicURL, token: str, max_age: int) -> str:
    """The session cookie; an empty token and age 0 remove it. `__Host-` asks for `Path=/`."""
    return build_cookie(
        session_cookie_name(public_url),
        token,
        path="/",
        max_age=max_age,
        secure=public_url.is_https,
    )

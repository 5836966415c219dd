"""Cookies: reading the request's, writing ours (RFC 6265)."""

from chalicelib.config import PublicURL

_SESSION = "ciborium_session"
_LOGIN = "ciborium_oidc_flow"


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
    """The session cookie's name."""
    return _host_name(_SESSION, public_url)


def login_cookie_name(public_url: PublicURL) -> str:
    """The name of the cookie of a sign-in in progress at an identity provider."""
    return _host_name(_LOGIN, public_url)


def build_session_cookie(public_url: PublicURL, token: str, max_age: int) -> str:
    """The session cookie; an empty token and age 0 remove it."""
    return _build_host_cookie(_SESSION, public_url, token, max_age)


def build_login_cookie(public_url: PublicURL, sealed_flow: str, max_age: int) -> str:
    """The cookie of a sign-in in progress; an empty value and age 0 remove it."""
    return _build_host_cookie(_LOGIN, public_url, sealed_flow, max_age)


def _build_host_cookie(name: str, public_url: PublicURL, value: str, max_age: int) -> str:
    return build_cookie(
        _host_name(name, public_url),
        value,
        path="/",  # `__Host-` asks for it.
        max_age=max_age,
        secure=public_url.is_https,
    )


def _host_name(name: str, public_url: PublicURL) -> str:
    """The prefix makes browsers refuse a cookie that another host plants (RFC 6265bis)."""
    return f"__Host-{name}" if public_url.is_https else name

"""Which redirects an outbound request follows."""

from typing import TYPE_CHECKING

from chalicelib.egress.errors import EgressResponseError
from chalicelib.egress.guard import host_of

if TYPE_CHECKING:
    import httpx

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_METHOD_PRESERVING = frozenset({307, 308})


def find_redirect(
    request: "httpx.Request", response: "httpx.Response", *, free: bool
) -> str | None:
    """Where the answer sends us, or None if it is no redirect.

    Args:
        request: what was answered.
        response: its answer; the body is not touched.
        free: whether the request may go anywhere: it is a GET that carries no secret.

    Raises:
        EgressResponseError: it is a redirect that must not be followed.
    """
    import httpx

    location = response.headers.get("Location")
    if response.status_code not in _REDIRECTS or not location:
        return None
    host = host_of(request.url)
    try:
        target = request.url.join(location)
    except (httpx.InvalidURL, UnicodeError):
        raise EgressResponseError(f"{host} redirects to something that is no URL.") from None
    if request.url.scheme == "https" and target.scheme == "http":
        raise EgressResponseError(
            f"{host} redirects from https to plain http, which is not followed."
        )
    if free or (
        response.status_code in _METHOD_PRESERVING and _origin(request.url) == _origin(target)
    ):
        return str(target.copy_with(fragment=None))
    raise EgressResponseError(
        f"{host} redirects ({response.status_code}) a request that may only be repeated at the "
        "same origin (307, 308). If it has moved, use its new URL."
    )


def _origin(url: "httpx.URL") -> tuple[str, str, int | None]:
    """RFC 6454, section 4; httpx leaves default ports out."""
    return url.scheme, host_of(url), url.port

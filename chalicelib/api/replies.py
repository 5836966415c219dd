"""What a view answers, before the web framework sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.sdk import base
from chalicelib.sdk.system import Message


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, body as text (or an image), headers, and whole `Set-Cookie` values."""

    status: int
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    image: bytes = b""


def json_reply(
    body: base.Reply | Sequence[base.Reply] | Mapping[str, base.Reply], status: int = 200
) -> Reply:
    """A wire type, or several in an array or object, as JSON."""
    return Reply(status, base.to_json(body))


def image_reply(image: bytes, content_type: str, etag: str) -> Reply:
    """An image that somebody has uploaded: a browser does nothing with it but show it."""
    return Reply(200, content_type=content_type, headers=_image_headers(etag), image=image)


def image_known_reply(etag: str) -> Reply:
    """That the image which the caller has is still the one."""
    return Reply(304, headers=_image_headers(etag))


def message_reply(message: str) -> Reply:
    """A plain confirmation."""
    return json_reply(Message(message=message))


def redirect_reply(status: int, location: str, cookies: tuple[str, ...] = ()) -> Reply:
    """A redirect; `location` is built by us and holds no line break."""
    return Reply(status, "", "text/plain", {"Location": location}, cookies)


def _image_headers(etag: str) -> dict[str, str]:
    return {
        "Cache-Control": "private, max-age=300",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Disposition": "inline",
        "ETag": etag,
    }

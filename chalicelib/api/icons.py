"""Servers' uploaded icons."""

from chalicelib.api.contract import Answer
from chalicelib.api.preconditions import build_etag, parse_if_match
from chalicelib.api.replies import Reply
from chalicelib.api.routing import Call, Route
from chalicelib.mcp_servers.icons import IMAGE_TYPES

# Whatever the bytes are, a browser does nothing with them but show them.
_HEADERS = {
    "Cache-Control": "private, max-age=300",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Disposition": "inline",
}


def get_icon(call: Call, server_id: str) -> Reply:
    """The image.

    For whoever sees the server. Programs send `Accept` types by name, e.g. `image/png`: API
    Gateway sends bytes only to those.
    """
    icon = call.services.icons.get(call.actor, server_id)
    headers = {**_HEADERS, "ETag": f'"{icon.digest}"'}
    if headers["ETag"] in call.header("if-none-match"):
        return Reply(304, headers=headers)
    return Reply(200, content_type=icon.content_type, headers=headers, image=icon.image)


def put_icon(call: Call, server_id: str) -> Reply:
    """Keep an image; the server has another version then.

    For owners. The body is the image itself: PNG, JPEG, GIF or WebP by its own bytes, at most 32
    KiB. `icon_url` leads to it then.
    """
    versions = parse_if_match(call.header("if-match"))
    server = call.services.icons.put(call.actor, server_id, call.raw_body(), versions)
    return Reply(204, headers={"ETag": build_etag(server.version)})


def delete_icon(call: Call, server_id: str) -> Reply:
    """Remove the image; the server has another version then.

    For owners. Deleting the server removes it as well.
    """
    versions = parse_if_match(call.header("if-match"))
    server = call.services.icons.remove(call.actor, server_id, versions)
    return Reply(204, headers={"ETag": build_etag(server.version)})


_ONE = "/api/experimental/mcp/servers/{server_id}/icon"
ROUTES = (
    Route(
        "GET",
        _ONE,
        get_icon,
        reply=IMAGE_TYPES[0],
        headers=("ETag",),
        also=(
            *(Answer(200, each, ("ETag",)) for each in IMAGE_TYPES[1:]),
            Answer(304, headers=("ETag",)),
        ),
    ),
    Route("PUT", _ONE, put_icon, images=True, conditional=True, status=204, headers=("ETag",)),
    Route("DELETE", _ONE, delete_icon, conditional=True, status=204, headers=("ETag",)),
)

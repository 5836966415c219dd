"""Servers' uploaded icons."""

from chalicelib.api.call import Call
from chalicelib.api.contract import Answer
from chalicelib.api.preconditions import build_etag, parse_if_match
from chalicelib.api.replies import Reply, image_known_reply, image_reply
from chalicelib.api.routing import Route
from chalicelib.images import IMAGE_TYPES


def get_icon(call: Call, server_id: str) -> Reply:
    """The image.

    For whoever sees the server. Programs send `Accept` types by name, e.g. `image/png`: API
    Gateway sends bytes only to those.
    """
    icon = call.services.icons.get(call.actor, server_id)
    etag = f'"{icon.digest}"'
    if etag in call.header("if-none-match"):
        return image_known_reply(etag)
    return image_reply(icon.image, icon.content_type, etag)


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

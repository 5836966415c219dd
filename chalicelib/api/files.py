"""Images for chats."""

from chalicelib.api.call import Call
from chalicelib.api.contract import Answer, Parameter
from chalicelib.api.errors import InvalidQueryError
from chalicelib.api.replies import Reply, image_known_reply, image_reply, json_reply
from chalicelib.api.routing import Route
from chalicelib.files.models import MOST_FILE_BYTES
from chalicelib.images import IMAGE_TYPES
from chalicelib.sdk.chats import UploadChatFileResponse


def upload_chat_file(call: Call) -> Reply:
    """Keep an image for the caller's chats in an organisation.

    The body is the image itself: PNG, JPEG, GIF or WebP by its own bytes, at most 4 MiB; a
    `Content-Type` that says something else is 400. A message shows it by its id.
    """
    organization_id = call.query("organization")
    if not organization_id:
        raise InvalidQueryError("organization", "must be the id of one of your organizations")
    media_type = call.header("content-type").partition(";")[0].strip().lower()
    file = call.services.files.upload(call.actor, organization_id, media_type, call.raw_body())
    return json_reply(UploadChatFileResponse(id=file.id), 201)


def get_chat_file(call: Call, file_id: str) -> Reply:
    """One of the caller's images.

    Programs send `Accept` types by name, e.g. `image/png`: API Gateway sends bytes only to those.
    """
    file = call.services.files.require_own(call.actor, file_id)
    etag = f'"{file.id}"'  # A file never changes.
    if etag in call.header("if-none-match"):
        return image_known_reply(etag)
    return image_reply(call.services.files.load(file), file.media_type, etag)


def delete_chat_file(call: Call, file_id: str) -> Reply:
    """Remove one of the caller's images; messages that show it stay, without it."""
    call.services.files.delete(call.actor, file_id)
    return Reply(204)


_FILES = "/api/experimental/chats/files"
_ONE = f"{_FILES}/{{file_id}}"
ROUTES = (
    Route(
        "POST",
        _FILES,
        upload_chat_file,
        creates=True,
        images=True,
        most_body_bytes=MOST_FILE_BYTES,
        reply=UploadChatFileResponse,
        status=201,
        query=(Parameter("organization", "In whose chats it may be used.", is_required=True),),
        errors=(403,),
    ),
    Route(
        "GET",
        _ONE,
        get_chat_file,
        reply=IMAGE_TYPES[0],
        errors=(409,),
        headers=("ETag",),
        also=(
            *(Answer(200, each, ("ETag",)) for each in IMAGE_TYPES[1:]),
            Answer(304, headers=("ETag",)),
        ),
    ),
    Route("DELETE", _ONE, delete_chat_file, status=204),
)

"""What people say to a model: checked, and as it is stored."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.chats.ports import Files
from chalicelib.errors import InvalidInputError, Validation
from chalicelib.identity.models import Actor
from chalicelib.sdk.chats import File, MessagePart, Text

if TYPE_CHECKING:
    from chalicelib.sdk.requests.chats import FilePart, TextPart

MOST_IMAGES = 20
"""In one message: a worker holds them all in its memory."""


class InvalidContentError(InvalidInputError):
    """A message holds something that it cannot."""

    code = "invalid_content"


class InputContent:
    """Turns what a request says into the parts of a message."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def resolve(
        self, actor: Actor, organization_id: str, content: "Sequence[TextPart | FilePart]"
    ) -> tuple[MessagePart, ...]:
        """The parts of a message of the actor's to a chat of an organisation.

        Raises:
            InvalidContentError: a file is not the actor's, or not of this organisation; or there
                are too many.
        """
        file_ids = [part.file_id for part in content if part.type == "file"]
        if len(file_ids) > MOST_IMAGES:
            raise InvalidContentError(f"A message shows at most {MOST_IMAGES} images.")
        types = self._files.find_media_types(actor, organization_id, file_ids) if file_ids else {}
        missing = [
            Validation(f"content.{number}.file_id", "is no file of yours in this organisation")
            for number, part in enumerate(content)
            if part.type == "file" and part.file_id not in types
        ]
        if missing:
            raise InvalidContentError("The message cannot be sent so.", validations=missing)
        return tuple(
            Text(text=part.text)
            if part.type == "text"
            else File(file_id=part.file_id, media_type=types[part.file_id])
            for part in content
        )

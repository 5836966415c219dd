"""What can go wrong with files."""

from chalicelib.errors import ConflictError, InvalidInputError, NotFoundError
from chalicelib.images import IMAGE_TYPES


class ChatFileNotFoundError(NotFoundError):
    """There is no such file, or it is somebody else's."""

    code = "chat_file_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such file.")


class InvalidChatFileError(InvalidInputError):
    """What was uploaded is no image that we take, or another than it is called."""

    code = "invalid_chat_file"

    def __init__(self, message: str) -> None:
        types = ", ".join(IMAGE_TYPES)
        detail = f"Send the image itself, with its Content-Type: {types}; at most 4 MiB."
        super().__init__(message, detail=detail)


class UploadAbandonedError(ConflictError):
    """The upload took so long that what had come was removed."""

    code = "upload_abandoned"

    def __init__(self) -> None:
        super().__init__("The upload took too long. Send the file again.")

"""What can go wrong with chats."""

from chalicelib.errors import ConflictError, InvalidInputError, NotFoundError, Validation


class ChatNotFoundError(NotFoundError):
    """There is no such chat, or it is somebody else's."""

    code = "chat_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such chat.")


class ChatExistsError(ConflictError):
    """A chat with the fresh id exists already."""

    code = "chat_exists"

    def __init__(self) -> None:
        super().__init__("The chat exists already.")


class InvalidPageError(InvalidInputError):
    """The query asks for no possible page."""

    code = "invalid_page"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("Invalid page.", validations=[Validation(field, detail)])

"""What can go wrong with chats."""

from chalicelib.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RateLimitedError,
    Validation,
)
from chalicelib.sdk.chats import ChatStatus


class ChatNotFoundError(NotFoundError):
    """There is no such chat, or it is somebody else's."""

    code = "chat_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such chat.")


class MessageNotFoundError(NotFoundError):
    """There is no such message in the chat."""

    code = "message_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such message in this chat.")


class ChatExistsError(ConflictError):
    """A chat with the fresh id exists already."""

    code = "chat_exists"

    def __init__(self) -> None:
        super().__init__("The chat exists already.")


class ChatChangedError(ConflictError):
    """Somebody else wrote the chat since it was read; whoever gets this reads it again."""

    code = "chat_changed"

    def __init__(self) -> None:
        super().__init__("The chat is very busy. Try again.")


class LeaseLostError(ConflictError):
    """Another worker has the chat, or an edit took it away: what was done is not wanted."""

    code = "lease_lost"

    def __init__(self) -> None:
        super().__init__("The step is not wanted any more.")


class ChatStateError(ConflictError):
    """The chat's status does not allow it."""

    code = "chat_status"

    def __init__(self, message: str, status: ChatStatus) -> None:
        super().__init__(message, detail=f"The chat's status is {status.value}.")


class ChatArchivedError(InvalidInputError):
    """An archived chat takes no messages."""

    code = "chat_archived"

    def __init__(self) -> None:
        super().__init__("The chat is archived. Bring it back first: PATCH it with archived false.")


class InvalidChangeError(InvalidInputError):
    """A change of a chat that cannot be made."""

    code = "invalid_change"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("The chat cannot be changed so.", validations=[Validation(field, detail)])


class NotAUserMessageError(InvalidInputError):
    """Only what the owner said can be edited."""

    code = "not_a_user_message"

    def __init__(self) -> None:
        super().__init__("Only your own messages can be edited.")


class QueueFullError(RateLimitedError):
    """As many messages wait for their turn as may."""

    code = "queue_full"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} messages wait already. Wait for the turn to end, or delete one.")


class InvalidPageError(InvalidInputError):
    """The query asks for no possible page."""

    code = "invalid_page"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("Invalid page.", validations=[Validation(field, detail)])


class InvalidSearchError(InvalidInputError):
    """The search cannot be understood."""

    code = "invalid_search"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("Invalid search.", validations=[Validation(field, detail)])

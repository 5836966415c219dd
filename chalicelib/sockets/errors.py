"""What can go wrong with sockets."""

from chalicelib.errors import (
    NotFoundError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
)


class NoStreamsError(NotFoundError):
    """The deployment has no WebSocket API."""

    code = "no_streams"

    def __init__(self) -> None:
        super().__init__("There is no WebSocket API here. Follow the chat with GET …/events.")


class InvalidTicketError(UnauthenticatedError):
    """A ticket is unknown, used up, too old, or another chat's."""

    code = "invalid_ticket"

    def __init__(self) -> None:
        super().__init__("The ticket is not valid. Get another one; each is good for one minute.")


class TooManySocketsError(RateLimitedError):
    """As many sockets follow the chat as may."""

    code = "too_many_sockets"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} connections follow the chat already. Close one, or poll.")


class PushFailedError(UnavailableError):
    """API Gateway did not answer; whoever follows looks again by themselves."""

    code = "push_failed"

    def __init__(self) -> None:
        super().__init__("Nothing can be pushed at the moment.")

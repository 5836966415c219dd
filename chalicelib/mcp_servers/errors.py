"""What can go wrong with the registry of MCP servers."""

from collections.abc import Sequence

from chalicelib.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PayloadTooLargeError,
    Validation,
)


class InvalidServerIDError(InvalidInputError):
    """The path does not hold a UUID."""

    code = "invalid_mcp_server_id"

    def __init__(self) -> None:
        super().__init__("Invalid MCP server config ID.", detail="It must be a UUID.")


class ServerNotFoundError(NotFoundError):
    """There is no such server, or the actor may not know that there is."""

    code = "mcp_server_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such MCP server config.")


class SlugTakenError(ConflictError):
    """Another server has the slug.

    Args:
        slug: that is taken.
        retry_after: if it may be free again in so many seconds: the other server is not complete.
    """

    code = "mcp_server_slug_taken"

    def __init__(self, slug: str, *, retry_after: int = 0) -> None:
        super().__init__(
            "MCP server config slug already exists.",
            detail=f"Another server has the slug {slug}. Choose a different one.",
        )
        self.retry_after = retry_after


class VersionConflictError(ConflictError):
    """Somebody else changed the server between our read and our write."""

    code = "mcp_server_changed"

    def __init__(self) -> None:
        super().__init__(
            "The MCP server config was changed by somebody else. Read it again and repeat."
        )


class InvalidServerError(InvalidInputError):
    """The fields of a server do not fit together."""

    code = "invalid_mcp_server"

    def __init__(self, message: str, validations: Sequence[Validation] = ()) -> None:
        super().__init__(message, validations=validations)


class NotOAuth2Error(InvalidInputError):
    """The server has no OAuth2 client that could be found out."""

    code = "mcp_server_not_oauth2"

    def __init__(self) -> None:
        super().__init__("MCP server does not use OAuth2 authentication.")


class IconNotFoundError(NotFoundError):
    """No icon was uploaded for the server."""

    code = "mcp_server_icon_not_found"

    def __init__(self) -> None:
        super().__init__("No icon was uploaded for this MCP server.")


class InvalidIconError(InvalidInputError):
    """The upload is no image that we show."""

    code = "invalid_mcp_server_icon"

    def __init__(self) -> None:
        super().__init__(
            "The icon must be a PNG, JPEG, GIF or WebP image.",
            detail="Send the image itself as the body; SVG is not taken.",
        )


class IconTooLargeError(PayloadTooLargeError):
    """The upload is over the limit."""

    code = "mcp_server_icon_too_large"

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"The icon must be at most {most_bytes // 1024} KiB; make it smaller.")


class InvalidSelectionError(InvalidInputError):
    """Servers are asked for that are not there, disabled, or not for the chat and its owner."""

    code = "invalid_mcp_server_ids"

    def __init__(self, ids: Sequence[str], field: str = "mcp_server_ids") -> None:
        super().__init__(
            "One or more MCP server IDs are invalid or disabled.",
            detail=f"Invalid IDs: {', '.join(ids)}",
            validations=[Validation(field, f"{id_} is not available.") for id_ in ids],
        )


class InvalidAccessListError(InvalidInputError):
    """Somebody is to get access to a server who cannot, or the list would be too long."""

    code = "invalid_mcp_server_acl"

    def __init__(self, message: str, validations: Sequence[Validation] = ()) -> None:
        super().__init__(message, validations=validations)


class InvalidCandidatePageError(InvalidInputError):
    """The query asks for no possible page of candidates."""

    code = "invalid_page"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("Invalid page.", validations=[Validation(field, detail)])

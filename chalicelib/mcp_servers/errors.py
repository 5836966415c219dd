"""What can go wrong with the registry of MCP servers."""

from collections.abc import Sequence

from chalicelib.errors import ConflictError, InvalidInputError, NotFoundError, Validation


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
    """Another server has the slug."""

    code = "mcp_server_slug_taken"

    def __init__(self, slug: str) -> None:
        super().__init__(
            "MCP server config slug already exists.",
            detail=f"Another server has the slug {slug}. Choose a different one.",
        )


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


class InvalidSelectionError(InvalidInputError):
    """A chat asks for servers that are not there, disabled, or not for it and its owner."""

    code = "invalid_mcp_server_ids"

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(
            "One or more MCP server IDs are invalid or disabled.",
            detail=f"Invalid IDs: {', '.join(ids)}",
            validations=[Validation("mcp_server_ids", f"{id_} is not available.") for id_ in ids],
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

"""What can go wrong with workspaces."""

from chalicelib.errors import ConflictError, InvalidInputError, NotFoundError, Validation


class WorkspaceNotFoundError(NotFoundError):
    """The organisation has no such workspace."""

    code = "workspace_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such workspace in this organization.")


class WorkspaceExistsError(ConflictError):
    """The name is taken in this organisation."""

    code = "workspace_exists"

    def __init__(self) -> None:
        super().__init__("A workspace with this name already exists in this organization.")


class WorkspaceChangedError(ConflictError):
    """Somebody else changed the workspace meanwhile."""

    code = "workspace_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else changed this workspace. Read it again and repeat.")


class InvalidWorkspaceError(InvalidInputError):
    """Something is to be in a workspace that its organisation does not have.

    Whether another organisation has it is not told.
    """

    code = "invalid_workspace_id"

    def __init__(self) -> None:
        super().__init__(
            "The workspace is not one of this organization's.",
            validations=[
                Validation("workspace_id", "must be the id of a workspace of the organization")
            ],
        )


class InvalidWorkspacePageError(InvalidInputError):
    """The query asks for no possible page."""

    code = "invalid_page"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("Invalid page.", validations=[Validation(field, detail)])

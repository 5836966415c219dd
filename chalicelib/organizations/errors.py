"""What can go wrong with organisations and memberships."""

from chalicelib.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    Validation,
)


class OrganizationNotFoundError(NotFoundError):
    """There is no such organisation, or the actor is not a member of it."""

    code = "organization_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such organization.")


class OrganizationExistsError(ConflictError):
    """The name is taken."""

    code = "organization_exists"

    def __init__(self) -> None:
        super().__init__("An organization with this name already exists.")


class NotAMemberError(ForbiddenError):
    """The actor is not a member of the organisation."""

    code = "not_a_member"

    def __init__(self) -> None:
        super().__init__("You are not a member of the specified organization.")


class MemberExistsError(ConflictError):
    """The user is a member already."""

    code = "member_exists"

    def __init__(self) -> None:
        super().__init__("The user is already a member of this organization.")


class MemberNotFoundError(NotFoundError):
    """The user is not a member of the organisation, or of the group."""

    code = "member_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such member.")


class OrganizationChangedError(ConflictError):
    """Somebody else changed the organisation or the group meanwhile."""

    code = "organization_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else changed this meanwhile. Try again.")


class DefaultOrganizationError(ConflictError):
    """The default organisation keeps its name and stays: new people come into it."""

    code = "default_organization"

    def __init__(self) -> None:
        super().__init__("The default organization cannot be renamed or deleted.")


class OrganizationHasChatsError(ConflictError):
    """Chats are in the organisation, which nobody but their owners may remove."""

    code = "organization_has_chats"

    def __init__(self) -> None:
        super().__init__(
            "There are chats in this organization. They go with their owners; "
            "an organization can be deleted when it has none."
        )


class InvalidMemberPageError(InvalidInputError):
    """The query asks for no possible page."""

    code = "invalid_page"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("Invalid page.", validations=[Validation(field, detail)])

"""What can go wrong with organisations and memberships."""

from chalicelib.errors import ConflictError, ForbiddenError, NotFoundError


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

"""What can go wrong with groups."""

from chalicelib.errors import ConflictError, NotFoundError


class GroupNotFoundError(NotFoundError):
    """The organisation has no such group."""

    code = "group_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such group in this organization.")


class GroupExistsError(ConflictError):
    """The name is taken in this organisation."""

    code = "group_exists"

    def __init__(self) -> None:
        super().__init__("A group with this name already exists in this organization.")


class EveryoneGroupError(ConflictError):
    """The group of all members is what the members are."""

    code = "everyone_group"

    def __init__(self) -> None:
        super().__init__("This group is all members of the organization and cannot be changed.")


class TooManyGroupsError(ConflictError):
    """The organisation has as many groups as it may have."""

    code = "too_many_groups"

    def __init__(self, most: int) -> None:
        super().__init__(f"An organization may have {most} groups. Delete one first.")


class GroupChangedError(ConflictError):
    """Somebody else changed the group meanwhile."""

    code = "group_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else changed this group meanwhile. Try again.")

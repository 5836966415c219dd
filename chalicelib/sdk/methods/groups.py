"""Groups of an organisation's members."""

from collections.abc import Iterator

from ..connection import segment
from ..groups import Group
from ..organizations import OrganizationMember
from ..paging import PAGE_SIZE, iterate_pages, next_after_id
from ..requests.groups import CreateGroupRequest, UpdateGroupRequest
from .base import Methods
from .organizations import organization_path


class GroupMethods(Methods):
    """Groups of an organisation's members; all are given by their ids."""

    def list_groups(self, organization: str) -> list[Group]:
        """The groups of an organisation."""
        return self._connection.get_list(Group, _groups_path(organization))

    def get_group(self, organization: str, group: str) -> Group:
        """One group."""
        return self._connection.get(Group, _group_path(organization, group))

    def create_group(self, organization: str, request: CreateGroupRequest) -> Group:
        """Add a group."""
        return self._connection.create(Group, _groups_path(organization), request)

    def update_group(self, organization: str, group: str, request: UpdateGroupRequest) -> Group:
        """Change what the request sets."""
        return self._connection.change(Group, _group_path(organization, group), request)

    def delete_group(self, organization: str, group: str) -> None:
        """Remove a group."""
        self._connection.delete(_group_path(organization, group))

    def list_group_members(
        self,
        organization: str,
        group: str,
        *,
        limit: int | None = None,
        after_id: str | None = None,
    ) -> list[OrganizationMember]:
        """A page of a group's members, by their ids."""
        path = f"{_group_path(organization, group)}/members"
        query = {"limit": limit, "after_id": after_id}
        return self._connection.get_list(OrganizationMember, path, query)

    def iter_group_members(
        self, organization: str, group: str, *, page_size: int = PAGE_SIZE
    ) -> Iterator[OrganizationMember]:
        """All members of a group."""

        def get_page(cursor: str | None) -> tuple[list[OrganizationMember], str | None]:
            page = self.list_group_members(organization, group, limit=page_size, after_id=cursor)
            return page, next_after_id(page, page_size, lambda member: member.user_id)

        return iterate_pages(get_page)

    def add_group_member(self, organization: str, group: str, user: str) -> None:
        """Put a member of the organisation into a group."""
        path = f"{_group_path(organization, group)}/members/{segment(user)}"
        self._connection.send("PUT", path)

    def remove_group_member(self, organization: str, group: str, user: str) -> None:
        """Take somebody out of a group."""
        path = f"{_group_path(organization, group)}/members/{segment(user)}"
        self._connection.delete(path)


def _groups_path(organization: str) -> str:
    return f"{organization_path(organization)}/groups"


def _group_path(organization: str, group: str) -> str:
    return f"{_groups_path(organization)}/{segment(group)}"

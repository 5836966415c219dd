"""Organisations and their members."""

from collections.abc import Iterator

from ..connection import segment
from ..organizations import Organization, OrganizationMember
from ..paging import PAGE_SIZE, iterate_pages, next_after_id
from ..requests.organizations import (
    CreateOrganizationRequest,
    MemberRolesRequest,
    UpdateOrganizationRequest,
)
from .base import Methods

_ORGANIZATIONS = "/api/v2/organizations"


class OrganizationMethods(Methods):
    """Organisations and their members; all are given by their ids."""

    def list_organizations(self) -> list[Organization]:
        """The caller's organisations; an owner sees all."""
        return self._connection.get_list(Organization, _ORGANIZATIONS)

    def get_organization(self, organization: str) -> Organization:
        """An organisation by its id."""
        return self._connection.get(Organization, organization_path(organization))

    def create_organization(self, request: CreateOrganizationRequest) -> Organization:
        """Add an organisation."""
        return self._connection.create(Organization, _ORGANIZATIONS, request)

    def update_organization(
        self, organization: str, request: UpdateOrganizationRequest
    ) -> Organization:
        """Change what the request sets."""
        return self._connection.change(Organization, organization_path(organization), request)

    def delete_organization(self, organization: str) -> None:
        """Remove an organisation without chats, in as many requests as it takes."""
        self._connection.delete_all(organization_path(organization))

    def list_organization_members(
        self, organization: str, *, limit: int | None = None, after_id: str | None = None
    ) -> list[OrganizationMember]:
        """A page of an organisation's members, by their ids."""
        path = f"{organization_path(organization)}/members"
        query = {"limit": limit, "after_id": after_id}
        return self._connection.get_list(OrganizationMember, path, query)

    def iter_organization_members(
        self, organization: str, *, page_size: int = PAGE_SIZE
    ) -> Iterator[OrganizationMember]:
        """All members of an organisation."""

        def get_page(cursor: str | None) -> tuple[list[OrganizationMember], str | None]:
            page = self.list_organization_members(organization, limit=page_size, after_id=cursor)
            return page, next_after_id(page, page_size, lambda member: member.user_id)

        return iterate_pages(get_page)

    def add_organization_member(
        self, organization: str, user: str, request: MemberRolesRequest | None = None
    ) -> OrganizationMember:
        """Make a user a member."""
        path = _member_path(organization, user)
        return self._connection.create(OrganizationMember, path, request or MemberRolesRequest())

    def set_organization_member_roles(
        self, organization: str, user: str, request: MemberRolesRequest
    ) -> OrganizationMember:
        """Say anew what a member may do."""
        path = f"{_member_path(organization, user)}/roles"
        return self._connection.change(OrganizationMember, path, request, method="PUT")

    def remove_organization_member(self, organization: str, user: str) -> None:
        """Let a member leave the organisation and its groups."""
        self._connection.delete(_member_path(organization, user))


def organization_path(organization: str) -> str:
    """Where an organisation is."""
    return f"{_ORGANIZATIONS}/{segment(organization)}"


def _member_path(organization: str, user: str) -> str:
    return f"{organization_path(organization)}/members/{segment(user)}"

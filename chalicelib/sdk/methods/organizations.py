"""Organisations and their members."""

from ..connection import segment
from ..organizations import (
    AddMemberRequest,
    CreateOrganizationRequest,
    Organization,
    OrganizationMember,
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
        return self._connection.get(Organization, f"{_ORGANIZATIONS}/{segment(organization)}")

    def create_organization(self, request: CreateOrganizationRequest) -> Organization:
        """Add an organisation."""
        return self._connection.create(Organization, _ORGANIZATIONS, request)

    def list_organization_members(self, organization: str) -> list[OrganizationMember]:
        """The members of an organisation."""
        path = f"{_ORGANIZATIONS}/{segment(organization)}/members"
        return self._connection.get_list(OrganizationMember, path)

    def add_organization_member(
        self, organization: str, user: str, request: AddMemberRequest | None = None
    ) -> OrganizationMember:
        """Make a user a member."""
        path = f"{_ORGANIZATIONS}/{segment(organization)}/members/{segment(user)}"
        return self._connection.create(OrganizationMember, path, request or AddMemberRequest())

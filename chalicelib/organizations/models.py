"""Organisations and memberships."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OrganizationRole(StrEnum):
    """What a member may do in one organisation."""

    ADMIN = "organization-admin"
    MEMBER = "organization-member"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An organisation."""

    id: str
    name: str
    display_name: str
    description: str
    is_default: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Some members of an organisation, under a name."""

    id: str
    organization_id: str
    name: str
    display_name: str


def everyone_of(organization: Organization) -> Group:
    """The group of all members: it has the organisation's id, and is stored nowhere."""
    return Group(
        id=organization.id,
        organization_id=organization.id,
        name="everyone",
        display_name="Everyone",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A person in an organisation."""

    organization_id: str
    user_id: str
    roles: tuple[OrganizationRole, ...]
    created_at: datetime

    @property
    def is_admin(self) -> bool:
        """Whether the member manages the organisation."""
        return OrganizationRole.ADMIN in self.roles

    @property
    def all_group_ids(self) -> frozenset[str]:
        """The groups that the member is in: that of everyone, which has the organisation's id."""
        return frozenset({self.organization_id})

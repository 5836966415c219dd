"""Organisations and memberships."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.organizations.permissions import OrganizationRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An organisation; `version` counts its changes."""

    id: str
    name: str
    display_name: str
    description: str
    is_default: bool
    created_at: datetime
    updated_at: datetime
    is_closing: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A person in an organisation, and in which of its groups."""

    organization_id: str
    user_id: str
    roles: tuple[OrganizationRole, ...]
    created_at: datetime
    group_ids: frozenset[str] = frozenset()

    @property
    def is_admin(self) -> bool:
        """Whether the member manages the organisation's people."""
        return OrganizationRole.ADMIN in self.roles

    @property
    def all_group_ids(self) -> frozenset[str]:
        """The groups that the member is in, that of everyone among them."""
        return self.group_ids | {self.organization_id}

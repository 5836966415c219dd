"""Groups of an organisation's members."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.organizations.models import Organization

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Some members of an organisation, under a name; `version` counts its changes.

    Who is in it stands with the members: `organizations.models.Membership.group_ids`.
    """

    id: str
    organization_id: str
    name: str
    display_name: str
    created_at: datetime
    updated_at: datetime
    is_closing: bool = False
    version: int = 1

    @property
    def is_everyone(self) -> bool:
        """Whether it is the group of all members."""
        return self.id == self.organization_id


def everyone_of(organization: Organization) -> Group:
    """The group of all members: it has the organisation's id, is stored nowhere, and stays."""
    return Group(
        id=organization.id,
        organization_id=organization.id,
        name=EVERYONE,
        display_name="Everyone",
        created_at=organization.created_at,
        updated_at=organization.created_at,
    )

"""From the models of organisations, and of what they have, to wire types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.identity.models import UserStatus
from chalicelib.sdk import groups, identity, organizations, workspaces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.groups.models import Group
    from chalicelib.identity.models import User
    from chalicelib.organizations.models import Membership, Organization
    from chalicelib.workspaces.models import Workspace


def to_organization(organization: Organization) -> organizations.Organization:
    """An organisation."""
    return organizations.Organization(
        id=organization.id,
        name=organization.name,
        display_name=organization.display_name,
        description=organization.description,
        is_default=organization.is_default,
        created_at=organization.created_at,
        updated_at=organization.updated_at,
    )


def to_members(
    memberships: Sequence[Membership], find_users: Callable[[Sequence[str]], dict[str, User]]
) -> list[organizations.OrganizationMember]:
    """Memberships with their people's names; without those who are just being deleted."""
    users = find_users([membership.user_id for membership in memberships])
    return [
        organizations.OrganizationMember(
            user_id=membership.user_id,
            username=users[membership.user_id].username,
            name=users[membership.user_id].name,
            organization_id=membership.organization_id,
            roles=[identity.Role(name=role) for role in membership.roles],
            group_ids=sorted(membership.group_ids),
            created_at=membership.created_at,
        )
        for membership in memberships
        if membership.user_id in users
    ]


def to_group(group: Group) -> groups.Group:
    """A group."""
    return groups.Group(
        id=group.id,
        organization_id=group.organization_id,
        name=group.name,
        display_name=group.display_name,
        is_everyone=group.is_everyone,
        created_at=group.created_at,
        updated_at=group.updated_at,
    )


def to_workspaces(
    found: Sequence[Workspace], find_users: Callable[[Sequence[str]], dict[str, User]]
) -> list[workspaces.Workspace]:
    """Workspaces with their owners' names; those who are gone have none."""
    users = find_users(list(dict.fromkeys(each.owner_id for each in found)))
    names = {
        user.id: user.username for user in users.values() if user.status is not UserStatus.DELETING
    }
    return [
        workspaces.Workspace(
            id=each.id,
            organization_id=each.organization_id,
            name=each.name,
            owner_id=each.owner_id,
            owner_username=names.get(each.owner_id),
            instructions=each.instructions,
            default_mcp_server_ids=list(each.default_mcp_server_ids),
            created_at=each.created_at,
            updated_at=each.updated_at,
        )
        for each in found
    ]

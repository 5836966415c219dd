"""Organisations and memberships as the audit log describes them."""

from chalicelib.audit import Action, NewEvent, ObjectType, Snapshot, diff
from chalicelib.identity.models import Actor
from chalicelib.organizations.models import Membership, Organization


def describe_organization(organization: Organization | None) -> Snapshot:
    """An organisation's fields, by their names in the API; nothing once it is being deleted."""
    if organization is None or organization.is_closing:
        return {}
    return {
        "name": organization.name,
        "display_name": organization.display_name,
        "description": organization.description,
        "is_default": organization.is_default,
    }


def describe_membership(membership: Membership | None) -> Snapshot:
    """What a member may do."""
    return {"roles": membership.roles} if membership else {}


def did_to_organization(
    actor: Actor, action: Action, before: Organization | None, after: Organization
) -> NewEvent:
    """What an actor does to an organisation."""
    return actor.did(
        action,
        ObjectType.ORGANIZATION,
        after.id,
        diff(describe_organization(before), describe_organization(after)),
        organization_id=after.id,
    )


def did_to_member(
    actor: Actor, action: Action, before: Membership | None, after: Membership | None
) -> NewEvent:
    """What an actor does to a member of an organisation.

    Raises:
        ValueError: there is neither a before nor an after.
    """
    member = after or before
    if member is None:
        raise ValueError("a membership that never was")
    return actor.did(
        action,
        ObjectType.ORGANIZATION_MEMBER,
        member.user_id,
        diff(describe_membership(before), describe_membership(after)),
        organization_id=member.organization_id,
    )

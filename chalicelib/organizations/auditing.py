"""Organisations and memberships as the audit log describes them."""

from chalicelib.audit import Snapshot
from chalicelib.organizations.models import Membership, Organization


def describe_organization(organization: Organization) -> Snapshot:
    """An organisation's fields, by their names in the API."""
    return {
        "name": organization.name,
        "display_name": organization.display_name,
        "description": organization.description,
        "is_default": organization.is_default,
    }


def describe_membership(membership: Membership) -> Snapshot:
    """What a member may do."""
    return {"roles": membership.roles}

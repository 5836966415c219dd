"""Organisations and their members."""

from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Call, Route
from chalicelib.api.wire import to_member, to_organization
from chalicelib.sdk.organizations import AddMemberRequest, CreateOrganizationRequest


def create_organization(call: Call) -> Reply:
    """Add an organisation."""
    request = call.body(CreateOrganizationRequest)
    created = call.services.organizations.create(call.actor, request)
    return json_reply(to_organization(created), 201)


def list_organizations(call: Call) -> Reply:
    """The caller's organisations; an admin sees all."""
    found = call.services.organizations.list_visible(call.actor)
    return json_reply([to_organization(organization) for organization in found])


def get_organization(call: Call, organization_id: str) -> Reply:
    """One organisation."""
    return json_reply(to_organization(call.services.organizations.get(call.actor, organization_id)))


def list_members(call: Call, organization_id: str) -> Reply:
    """The members of an organisation."""
    found = call.services.organizations.list_members(call.actor, organization_id)
    return json_reply([to_member(membership) for membership in found])


def add_member(call: Call, organization_id: str, user_id: str) -> Reply:
    """Make a user a member."""
    added = call.services.organizations.add_member(
        call.actor, organization_id, user_id, call.body(AddMemberRequest)
    )
    return json_reply(to_member(added), 201)


_ONE = "/api/v2/organizations/{organization_id}"
ROUTES = (
    Route("GET", "/api/v2/organizations", list_organizations),
    Route("POST", "/api/v2/organizations", create_organization, creates=True),
    Route("GET", _ONE, get_organization),
    Route("GET", f"{_ONE}/members", list_members),
    Route("POST", f"{_ONE}/members/{{user_id}}", add_member, creates=True),
)

"""Organisations and their members."""

from dataclasses import replace

from chalicelib.api.call import Call
from chalicelib.api.contract import Answer, Parameter, limit
from chalicelib.api.organization_wire import to_members, to_organization
from chalicelib.api.replies import Reply, json_reply, message_reply
from chalicelib.api.routing import Route
from chalicelib.organizations.errors import MemberNotFoundError
from chalicelib.organizations.models import Membership
from chalicelib.sdk import requests
from chalicelib.sdk.organizations import Organization, OrganizationMember
from chalicelib.sdk.system import Message


def create_organization(call: Call) -> Reply:
    """Add an organisation.

    For owners.
    """
    request = call.body(requests.organizations.CreateOrganizationRequest)
    created = call.services.organizations.create(call.actor, request)
    return json_reply(to_organization(created), 201)


def list_organizations(call: Call) -> Reply:
    """The caller's organisations; an admin sees all."""
    found = call.services.organizations.list_visible(call.actor)
    return json_reply([to_organization(organization) for organization in found])


def get_organization(call: Call, organization_id: str) -> Reply:
    """One organisation."""
    return json_reply(to_organization(call.services.organizations.get(call.actor, organization_id)))


def update_organization(call: Call, organization_id: str) -> Reply:
    """Change an organisation.

    For owners. The default organisation keeps its name.
    """
    request = call.body(requests.organizations.UpdateOrganizationRequest)
    changed = call.services.organizations.update(call.actor, organization_id, request)
    return json_reply(to_organization(changed))


def delete_organization(call: Call, organization_id: str) -> Reply:
    """Remove an organisation without chats; 202 if there is too much for one request.

    For owners. One with chats is 409 `organization_has_chats`: chats are nobody's to delete but
    their owners'. The default organisation stays.
    """
    if call.services.organizations.delete(call.actor, organization_id):
        return Reply(204)
    message = "The organization is gone from every list. Repeat the request to remove the rest."
    return replace(message_reply(message), status=202)


def list_members(call: Call, organization_id: str) -> Reply:
    """The members of an organisation, by their ids."""
    found = call.services.organizations.list_members(
        call.actor, organization_id, limit=call.limit(), after_id=call.query("after_id")
    )
    return json_reply(to_members(found, call.services.identity.find_users))


def add_member(call: Call, organization_id: str, user_id: str) -> Reply:
    """Make a user a member.

    For its admins.
    """
    added = call.services.organizations.add_member(
        call.actor, organization_id, user_id, call.body(requests.organizations.MemberRolesRequest)
    )
    return _member_reply(call, added, 201)


def set_member_roles(call: Call, organization_id: str, user_id: str) -> Reply:
    """Say anew what a member may do.

    For its admins.
    """
    changed = call.services.organizations.set_roles(
        call.actor, organization_id, user_id, call.body(requests.organizations.MemberRolesRequest)
    )
    return _member_reply(call, changed, 200)


def remove_member(call: Call, organization_id: str, user_id: str) -> Reply:
    """Let a member leave the organisation and its groups.

    For its admins.
    """
    call.services.organizations.remove_member(call.actor, organization_id, user_id)
    return Reply(204)


def _member_reply(call: Call, membership: Membership, status: int) -> Reply:
    found = to_members([membership], call.services.identity.find_users)
    if not found:  # Deleted in this very moment.
        raise MemberNotFoundError
    return json_reply(found[0], status)


_ALL = "/api/v2/organizations"
_ONE = f"{_ALL}/{{organization_id}}"
_MEMBER = f"{_ONE}/members/{{user_id}}"
ROUTES = (
    Route("GET", _ALL, list_organizations, reply=list[Organization]),
    Route(
        "POST",
        _ALL,
        create_organization,
        creates=True,
        body=lambda: requests.organizations.CreateOrganizationRequest,
        reply=Organization,
        status=201,
    ),
    Route("GET", _ONE, get_organization, reply=Organization),
    Route(
        "PATCH",
        _ONE,
        update_organization,
        body=lambda: requests.organizations.UpdateOrganizationRequest,
        reply=Organization,
        errors=(409,),
    ),
    Route(
        "DELETE",
        _ONE,
        delete_organization,
        status=204,
        also=(Answer(202, Message),),
        errors=(409,),
    ),
    Route(
        "GET",
        f"{_ONE}/members",
        list_members,
        reply=list[OrganizationMember],
        query=(
            limit(100),
            Parameter("after_id", "The last member of the page before.", format="uuid"),
        ),
    ),
    Route(
        "POST",
        _MEMBER,
        add_member,
        creates=True,
        body=lambda: requests.organizations.MemberRolesRequest,
        reply=OrganizationMember,
        status=201,
    ),
    Route("DELETE", _MEMBER, remove_member, status=204, errors=(409,)),
    Route(
        "PUT",
        f"{_MEMBER}/roles",
        set_member_roles,
        body=lambda: requests.organizations.MemberRolesRequest,
        reply=OrganizationMember,
        errors=(409,),
    ),
)

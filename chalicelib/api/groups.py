"""Groups of an organisation's members."""

from chalicelib.api.call import Call
from chalicelib.api.contract import Parameter, limit
from chalicelib.api.organization_wire import to_group, to_members
from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Route
from chalicelib.sdk import requests
from chalicelib.sdk.groups import Group
from chalicelib.sdk.organizations import OrganizationMember


def list_groups(call: Call, organization_id: str) -> Reply:
    """An organisation's groups, that of everyone first."""
    found = call.services.groups.list_all(call.actor, organization_id)
    return json_reply([to_group(group) for group in found])


def create_group(call: Call, organization_id: str) -> Reply:
    """Add a group.

    For the organisation's admins; 200 groups at most.
    """
    request = call.body(requests.groups.CreateGroupRequest)
    created = call.services.groups.create(call.actor, organization_id, request)
    return json_reply(to_group(created), 201)


def get_group(call: Call, organization_id: str, group_id: str) -> Reply:
    """One group."""
    return json_reply(to_group(call.services.groups.get(call.actor, organization_id, group_id)))


def update_group(call: Call, organization_id: str, group_id: str) -> Reply:
    """Change a group's names.

    For the organisation's admins.
    """
    request = call.body(requests.groups.UpdateGroupRequest)
    changed = call.services.groups.update(call.actor, organization_id, group_id, request)
    return json_reply(to_group(changed))


def delete_group(call: Call, organization_id: str, group_id: str) -> Reply:
    """Remove a group.

    For the organisation's admins.
    """
    call.services.groups.delete(call.actor, organization_id, group_id)
    return Reply(204)


def list_group_members(call: Call, organization_id: str, group_id: str) -> Reply:
    """The members of a group, by their ids."""
    found = call.services.groups.list_members(
        call.actor,
        organization_id,
        group_id,
        limit=call.limit(),
        after_id=call.query("after_id"),
    )
    return json_reply(to_members(found, call.services.identity.find_users))


def add_group_member(call: Call, organization_id: str, group_id: str, user_id: str) -> Reply:
    """Put a member of the organisation into a group.

    For the organisation's admins.
    """
    call.services.groups.add_member(call.actor, organization_id, group_id, user_id)
    return Reply(204)


def remove_group_member(call: Call, organization_id: str, group_id: str, user_id: str) -> Reply:
    """Take somebody out of a group.

    For the organisation's admins.
    """
    call.services.groups.remove_member(call.actor, organization_id, group_id, user_id)
    return Reply(204)


_ALL = "/api/v2/organizations/{organization_id}/groups"
_ONE = f"{_ALL}/{{group_id}}"
ROUTES = (
    Route("GET", _ALL, list_groups, reply=list[Group]),
    Route(
        "POST",
        _ALL,
        create_group,
        creates=True,
        body=lambda: requests.groups.CreateGroupRequest,
        reply=Group,
        status=201,
    ),
    Route("GET", _ONE, get_group, reply=Group),
    Route(
        "PATCH",
        _ONE,
        update_group,
        body=lambda: requests.groups.UpdateGroupRequest,
        reply=Group,
        errors=(409,),
    ),
    Route("DELETE", _ONE, delete_group, status=204, errors=(409,)),
    Route(
        "GET",
        f"{_ONE}/members",
        list_group_members,
        reply=list[OrganizationMember],
        query=(
            limit(100),
            Parameter("after_id", "The last member of the page before.", format="uuid"),
        ),
    ),
    Route("PUT", f"{_ONE}/members/{{user_id}}", add_group_member, status=204, errors=(409,)),
    Route("DELETE", f"{_ONE}/members/{{user_id}}", remove_group_member, status=204, errors=(409,)),
)

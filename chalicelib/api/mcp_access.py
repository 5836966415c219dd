"""Access lists of MCP servers."""

from chalicelib.api.call import Call
from chalicelib.api.contract import Parameter, limit
from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Route
from chalicelib.api.server_wire import to_acl
from chalicelib.sdk import requests
from chalicelib.sdk.mcp_access import MCPServerACL


def get_acl(call: Call, server_id: str) -> Reply:
    """Who may see and use a server.

    For owners.
    """
    return json_reply(to_acl(call.services.access_lists.get(call.actor, server_id)))


def update_acl(call: Call, server_id: str) -> Reply:
    """Change who may see and use a server.

    For owners. `read` adds, an empty role removes, who is not named stays. Users and groups that
    are not are 400; 500 entries fit on a list.
    """
    request = call.body(requests.mcp_access.UpdateMCPServerACLRequest)
    call.services.access_lists.update(call.actor, server_id, request)
    return Reply(204)


def list_candidates(call: Call, server_id: str) -> Reply:
    """Who could be allowed to see and use a server.

    For owners. The active members and the groups that could be on the list, with the role they
    have now; `q` is part of a name, user name or e-mail address.
    """
    found = call.services.access_lists.list_candidates(
        call.actor,
        server_id,
        search=call.query("q") or "",
        limit=call.limit(),
        offset=call.number("offset") or 0,
    )
    return json_reply(to_acl(found))


_ACL = "/api/experimental/mcp/servers/{server_id}/acl"
ROUTES = (
    Route("GET", _ACL, get_acl, reply=MCPServerACL),
    Route(
        "PATCH",
        _ACL,
        update_acl,
        body=lambda: requests.mcp_access.UpdateMCPServerACLRequest,
        status=204,
        errors=(409,),
    ),
    Route(
        "GET",
        f"{_ACL}/available",
        list_candidates,
        reply=MCPServerACL,
        query=(
            Parameter("q", "What names or e-mail addresses shall contain."),
            limit(100),
            Parameter("offset", "How many to pass over.", "integer", minimum=0),
        ),
    ),
)

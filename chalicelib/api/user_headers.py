"""The caller's own header values for servers that leave some to their users."""

from chalicelib.api.call import Call
from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Route
from chalicelib.sdk import requests
from chalicelib.sdk.mcp_servers import UserHeaders


def get_user_headers(call: Call, server_id: str) -> Reply:
    """Which values the caller has entered; never the values."""
    filled = call.services.user_headers.list_filled(call.actor, server_id)
    return json_reply(UserHeaders(has_values=filled))


def put_user_headers(call: Call, server_id: str) -> Reply:
    """Keep the caller's values.

    The values replace all former ones; an empty one is none; names are the same whatever their
    case.
    """
    request = call.body(requests.mcp_servers.PutUserHeadersRequest)
    values = {name: value.get_secret_value() for name, value in request.values.items()}
    filled = call.services.user_headers.put(call.actor, server_id, values)
    return json_reply(UserHeaders(has_values=filled))


def delete_user_headers(call: Call, server_id: str) -> Reply:
    """Forget the caller's values."""
    call.services.user_headers.remove(call.actor, server_id)
    return Reply(204)


_ONE = "/api/experimental/mcp/servers/{server_id}/user-headers"
ROUTES = (
    Route("GET", _ONE, get_user_headers, reply=UserHeaders),
    Route(
        "PUT",
        _ONE,
        put_user_headers,
        body=lambda: requests.mcp_servers.PutUserHeadersRequest,
        reply=UserHeaders,
        errors=(409,),
    ),
    Route("DELETE", _ONE, delete_user_headers, status=204, errors=(409,)),
)

"""The tools of MCP servers: listing and calling them through the caller's own connections."""

from chalicelib.api.call import Call
from chalicelib.api.contract import Parameter
from chalicelib.api.errors import InvalidBodyError
from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Route
from chalicelib.api.tool_wire import (
    to_approvals,
    to_diagnosis,
    to_server_tools,
    to_tool,
    to_tool_reply,
)
from chalicelib.errors import Validation
from chalicelib.mcp_client.errors import ListingTooLargeError
from chalicelib.mcp_client.models import ToolCall
from chalicelib.mcp_client.service import ServerTools
from chalicelib.sdk import requests
from chalicelib.sdk.base import to_json
from chalicelib.sdk.mcp_tools import (
    AllTools,
    CallToolReply,
    MCPServerDiagnosis,
    MCPServerTools,
    ServerToolsEntry,
    ToolApprovals,
)

# A Lambda's answer may have 6 MB.
_MOST_BYTES = 5 * 1024 * 1024


def list_all_tools(call: Call) -> Reply:
    """The tools of many servers at once: those named, or all that the caller may use.

    At most 64 servers. All are asked at the same time, each for at most ten seconds; `error`
    stands for the tools of one that failed. After 24 seconds the answer does without the rest
    (`mcp_listing_timeout`).
    """
    named = call.query("server_ids")
    ids = None if named is None else [each.strip() for each in named.split(",") if each.strip()]
    found = call.services.tools.list_all(call.actor, ids)
    return json_reply(AllTools(servers=_fit(found, call.request_id)))


def list_tools(call: Call, server_id: str) -> Reply:
    """The tools that one server offers to the caller, or what is wrong with the way there.

    A list is reused while its server calls it fresh; `refresh=true` asks again.
    """
    if call.query("diagnose") == "true":
        return json_reply(to_diagnosis(call.services.diagnosis.diagnose(call.actor, server_id)))
    refresh = call.query("refresh") == "true"
    found = call.services.tools.list_tools(call.actor, server_id, refresh=refresh)
    return json_reply(MCPServerTools(tools=[to_tool(tool) for tool in found]))


def call_tool(call: Call, server_id: str) -> Reply:
    """Call one tool.

    The call takes 25 seconds at most, refreshing the caller's token included.
    """
    request = call.body(requests.mcp_tools.CallToolRequest)
    result = call.services.tools.call_tool(
        call.actor,
        server_id,
        ToolCall(
            name=request.name,
            arguments=request.arguments,
            elicitation=request.elicitation,
            input_responses=request.input_responses,
            request_state=request.request_state,
            approved=request.approved,
        ),
    )
    return json_reply(to_tool_reply(result))


def get_approvals(call: Call, server_id: str) -> Reply:
    """What one server's tools have become since an admin approved them.

    For owners.
    """
    return json_reply(to_approvals(call.services.tool_approvals.get(call.actor, server_id)))


def approve_tools(call: Call, server_id: str) -> Reply:
    """Approve tools as the caller has seen them, or all of them.

    For owners.
    """
    request = call.body(requests.mcp_tools.ApproveToolsRequest)
    if request.all is (request.tools is not None):
        raise InvalidBodyError(
            "Say which tools to approve.",
            validations=[Validation("tools", "is required, or all: true, and not both")],
        )
    service = call.services.tool_approvals
    return json_reply(to_approvals(service.accept(call.actor, server_id, request.tools)))


def _fit(found: list[ServerTools], request_id: str) -> list[ServerToolsEntry]:
    """The servers' entries; the tools for which there is no room are to be listed by themselves."""
    entries, size = [], 0
    for each in found:
        entry = to_server_tools(each, request_id)
        added = len(to_json(entry))
        if size + added > _MOST_BYTES:
            left_out = ServerTools(each.server, error=ListingTooLargeError())
            entry, added = to_server_tools(left_out, request_id), 0
        entries.append(entry)
        size += added
    return entries


_ONE = "/api/experimental/mcp/servers/{server_id}/tools"
_UPSTREAM = (409, 413, 502, 504)
ROUTES = (
    Route(
        "GET",
        "/api/experimental/mcp/tools",
        list_all_tools,
        reply=AllTools,
        query=(Parameter("server_ids", "Ids of servers, separated by commas; absent: all."),),
        errors=(404,),
    ),
    Route(
        "GET",
        _ONE,
        list_tools,
        reply=MCPServerTools | MCPServerDiagnosis,
        query=(
            Parameter("refresh", "Ask the server, even if its list is still fresh.", "boolean"),
            Parameter("diagnose", "Test the connection step by step; admins only.", "boolean"),
        ),
        errors=_UPSTREAM,
    ),
    Route(
        "POST",
        f"{_ONE}/call",
        call_tool,
        body=lambda: requests.mcp_tools.CallToolRequest,
        reply=CallToolReply,
        errors=_UPSTREAM,
    ),
    Route("GET", f"{_ONE}/approvals", get_approvals, reply=ToolApprovals, errors=_UPSTREAM),
    Route(
        "POST",
        f"{_ONE}/approvals",
        approve_tools,
        body=lambda: requests.mcp_tools.ApproveToolsRequest,
        reply=ToolApprovals,
        errors=_UPSTREAM,
    ),
)

"""The tools of MCP servers: listing and calling them through the caller's own connections."""

from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Call, Route
from chalicelib.api.wire import to_server_tools, to_tool, to_tool_reply
from chalicelib.mcp_client.models import ToolCall
from chalicelib.sdk.mcp_tools import AllTools, CallToolRequest, MCPServerTools


def list_all_tools(call: Call) -> Reply:
    """The tools of many servers at once: those named, or all that the caller may use."""
    named = call.query("server_ids")
    ids = None if named is None else [each.strip() for each in named.split(",") if each.strip()]
    found = call.services.tools.list_all(call.actor, ids)
    return json_reply(AllTools(servers=[to_server_tools(each, call.request_id) for each in found]))


def list_tools(call: Call, server_id: str) -> Reply:
    """The tools that one server offers to the caller, each allowed or not."""
    refresh = call.query("refresh") == "true"
    found = call.services.tools.list_tools(call.actor, server_id, refresh=refresh)
    return json_reply(MCPServerTools(tools=[to_tool(tool) for tool in found]))


def call_tool(call: Call, server_id: str) -> Reply:
    """Call one tool."""
    request = call.body(CallToolRequest)
    result = call.services.tools.call_tool(
        call.actor,
        server_id,
        ToolCall(
            name=request.name,
            arguments=request.arguments,
            elicitation=request.elicitation,
            input_responses=request.input_responses,
            request_state=request.request_state,
        ),
    )
    return json_reply(to_tool_reply(result))


_ONE = "/api/experimental/mcp/servers/{server_id}/tools"
ROUTES = (
    Route("GET", "/api/experimental/mcp/tools", list_all_tools),
    Route("GET", _ONE, list_tools),
    Route("POST", f"{_ONE}/call", call_tool),
)

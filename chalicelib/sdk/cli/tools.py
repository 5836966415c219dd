"""The tools of MCP servers: what they are, whether an admin approves them, and calling them."""

import json

import click

from ..exceptions import ToolApprovalRequiredError
from ..mcp_tools import CallToolReply, Elicitation, ToolState
from ..requests.mcp_tools import ApproveToolsRequest, CallToolRequest
from .arguments import server_argument
from .commands import JSONCommand
from .output import clean, note
from .problems import REFUSED, Problem
from .session import Session, get_server_id, pass_session
from .tool_arguments import read_arguments


@click.command(cls=JSONCommand)
@server_argument
@click.option("--refresh", is_flag=True, help="Ask the server, even if its last list is fresh.")
@pass_session
def tools(session: Session, server: str, refresh: bool) -> None:
    """List your tools at a server."""
    with session.client() as client:
        server_id = get_server_id(client, server)
        found = client.experimental.list_mcp_server_tools(server_id, refresh=refresh).tools
    rows = [
        (
            each.name,
            each.allowed,
            each.rule.value,
            each.change,
            each.title,
            each.description.partition("\n")[0],
        )
        for each in found
    ]
    columns = ("Tool", "Allowed", "Rule", "Since approval", "Title", "Description")
    session.output.table(columns, rows, found)


@click.command(cls=JSONCommand)
@server_argument
@click.argument("tool")
@click.argument("arguments", nargs=-1, metavar="[NAME=TEXT | NAME:=JSON]...")
@click.option("--arguments", "document", metavar="JSON", help="All arguments; - reads them.")
@click.option(
    "--questions",
    type=click.Choice([each.value for each in Elicitation]),
    default=Elicitation.NONE.value,
    help="Who answers the server's questions.",
)
@click.option("--approved", is_flag=True, help="Do not ask, even if the tool is to be asked for.")
@pass_session
def call(
    session: Session,
    server: str,
    tool: str,
    arguments: tuple[str, ...],
    document: str | None,
    questions: str,
    approved: bool,
) -> None:
    """Call a tool. Exit code 1 if the tool says that it failed."""
    request = CallToolRequest(
        name=tool,
        arguments=read_arguments(arguments, document),
        elicitation=Elicitation(questions),
        approved=approved,
    )
    with session.client() as client:
        server_id = get_server_id(client, server)
        try:
            reply = client.experimental.call_tool(server_id, request)
        except ToolApprovalRequiredError:
            note(f"{tool} is to be called with {json.dumps(request.arguments)}")
            click.confirm("Do you approve?", abort=True, err=True)
            again = request.model_copy(update={"approved": True})
            reply = client.experimental.call_tool(server_id, again)
    session.output.block(_describe_reply(reply), reply)
    if reply.is_error:
        click.get_current_context().exit(REFUSED)


@click.command(cls=JSONCommand)
@server_argument
@pass_session
def test(session: Session, server: str) -> None:
    """Test the connection to a server, step by step. Exit code 1 if one of them fails."""
    with session.client() as client:
        found = client.experimental.diagnose_mcp_server(get_server_id(client, server))
    rows = [
        (
            each.step.value,
            "skipped" if each.skipped else "ok" if each.ok else "failed",
            f"{each.duration_ms:.0f} ms",
            " ".join(part for part in (each.detail, each.connect_url) if part),
        )
        for each in found.steps
    ]
    session.output.table(("Step", "Outcome", "Took", "Remarks"), rows, found)
    if not found.ok:
        click.get_current_context().exit(REFUSED)


@click.command(cls=JSONCommand)
@server_argument
@click.option("--difference", is_flag=True, help="Show what has changed, line by line.")
@pass_session
def approvals(session: Session, server: str, difference: bool) -> None:
    """Show what a server's tools have become since they were approved."""
    with session.client() as client:
        found = client.experimental.get_tool_approvals(get_server_id(client, server))
    rows = [
        (each.name, each.state.value, each.approved_by, each.approved_at, (each.hash or "")[:12])
        for each in found.tools
    ]
    session.output.table(("Tool", "State", "Approved by", "When", "Hash"), rows, found)
    if difference and not session.output.as_json:
        for each in found.tools:
            for field, lines in (each.difference or {}).items():
                click.echo(f"\n{clean(each.name)}: {field}")
                for line in lines:
                    click.echo(f"  {clean(line)}")


@click.command(cls=JSONCommand)
@server_argument
@click.argument("tools", nargs=-1, metavar="[TOOL[=HASH]]...")
@click.option("--all", "approve_all", is_flag=True, help="All that the server offers now.")
@pass_session
def approve(session: Session, server: str, tools: tuple[str, ...], approve_all: bool) -> None:
    """Approve tools as they are now.

    Give the HASH that `approvals` showed, or the beginning of it, to approve nothing else than
    what you have seen.
    """
    if approve_all is bool(tools):
        raise click.UsageError("Name tools, or give --all.")
    with session.client() as client:
        server_id = get_server_id(client, server)
        if approve_all:
            request = ApproveToolsRequest(all=True)
        else:
            offered = {
                each.name: each.hash
                for each in client.experimental.get_tool_approvals(server_id).tools
                if each.hash and each.state is not ToolState.GONE
            }
            request = ApproveToolsRequest(tools=_choose(offered, tools))
        approved = client.experimental.approve_tools(server_id, request)
    which = "all tools" if approve_all else ", ".join(request.tools or {})
    session.output.done(f"Approved {which} of {server}.", approved)


def _choose(offered: dict[str, str], wanted: tuple[str, ...]) -> dict[str, str]:
    """The hashes of the tools that are wanted, if they are those that were seen."""
    chosen = {}
    for each in wanted:
        name, _, seen = each.partition("=") if each not in offered else (each, "", "")
        if name not in offered:
            raise Problem(f"The server offers no tool called {name}.", REFUSED)
        if not offered[name].startswith(seen):
            message = f"{name} is not as you have seen it. Look at it again: `servers approvals`."
            raise Problem(message, REFUSED)
        chosen[name] = offered[name]
    return chosen


def _describe_reply(reply: CallToolReply) -> str:
    """A tool's answer: its texts as they are, everything else by its type."""
    if reply.result_type == "input_required":
        names = ", ".join(reply.input_requests or {})
        return f"The server has questions ({names}). See them with --json."
    texts = [
        str(each["text"]) if each.get("type") == "text" else f"[{each.get('type')}]"
        for each in reply.content or []
    ]
    return "\n".join(texts)

"""The user's own connections to MCP servers."""

import click

from ..client import Client
from ..mcp_servers import AuthType, MCPServerConfig
from .arguments import server_argument
from .commands import JSONCommand
from .output import note
from .problems import CONNECT_REQUIRED, REFUSED, Problem
from .session import Session, get_server, get_server_id, pass_session

_POLL_SECONDS = 2


@click.command(cls=JSONCommand)
@server_argument
@click.option("--no-browser", is_flag=True, help="Print the link instead of opening it.")
@click.option(
    "--wait",
    type=click.IntRange(0, 3600),
    default=300,
    show_default=True,
    help="How many seconds to wait for you to finish; 0 does not wait.",
)
@click.option("--again", is_flag=True, help="Although you are connected, to grant more.")
@pass_session
def connect(session: Session, server: str, no_browser: bool, wait: int, again: bool) -> None:
    """Connect to a server with your own account, in the browser."""
    with session.client() as client:
        found = get_server(client, server)
        if found.auth_type is not AuthType.OAUTH2:
            raise Problem(f"{found.slug} needs no connection of yours.", REFUSED)
        if found.auth_connected and not again:
            session.output.done(f"You are connected to {found.slug}.", found)
            return
        url = _connect_url(client, found)
        if no_browser or not session.open_browser(url):
            note(f"Open this link in your browser: {url}")
        else:
            note(f"Your browser opens {url}")
        # A connection that is there already cannot be seen to be made anew.
        if wait and not found.auth_connected:
            found = _wait(session, client, found, wait)
            session.output.done(f"You are connected to {found.slug}.", found)
        else:
            session.output.done("Finish it in your browser.", {"connect_url": url})


@click.command(cls=JSONCommand)
@server_argument
@pass_session
def disconnect(session: Session, server: str) -> None:
    """Forget your connection to a server, and have the provider revoke it."""
    with session.client() as client:
        outcome = client.experimental.disconnect_mcp_server(get_server_id(client, server))
    problem = outcome.token_revocation_error
    more = " The provider has revoked your tokens." if outcome.token_revoked else ""
    more = f" The provider did not revoke your tokens: {problem}" if problem else more
    session.output.done(f"Disconnected.{more}", outcome)


def _connect_url(client: Client, server: MCPServerConfig) -> str:
    """The link, where browsers reach the deployment: sign-in and callback live there."""
    path = client.experimental.mcp_server_connect_url(server.id).removeprefix(client.base_url)
    base = client.get_build_info().dashboard_url.rstrip("/")
    if not base.startswith(("https://", "http://")):
        raise Problem("The deployment does not say where browsers reach it.", REFUSED)
    return base + path


def _wait(session: Session, client: Client, server: MCPServerConfig, wait: int) -> MCPServerConfig:
    for _ in range(max(1, wait // _POLL_SECONDS)):
        session.sleep(_POLL_SECONDS)
        found = client.experimental.get_mcp_server(server.id)
        if found.auth_connected:
            return found
    message = f"You are not connected to {server.slug} after {wait} seconds. Run it again."
    raise Problem(message, CONNECT_REQUIRED)

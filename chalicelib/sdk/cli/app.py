"""The root of all commands."""

import click
from click.shell_completion import get_completion_class

from ..version import VERSION
from . import (
    access,
    account,
    audit,
    chat,
    chats,
    connections,
    groups,
    models,
    organizations,
    personal,
    servers,
    tokens,
    tools,
    transfer,
    usage,
    users,
    workspaces,
)
from .commands import Root
from .credentials import URL_VARIABLE
from .session import Session, pass_session

_COMPLETION_VARIABLE = "_CIBORIUM_COMPLETE"


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", envvar=URL_VARIABLE, metavar="URL", help="Where the deployment is.")
@click.version_option(VERSION, message="%(version)s")
@click.pass_context
def cli(context: click.Context, url: str | None) -> None:
    """Govern MCP servers, and use their tools, with Ciborium.

    Exit codes: 0 done, 1 refused, 2 wrong usage or not signed in, 3 connect to the MCP server
    first, 4 the deployment cannot be reached.
    """
    context.ensure_object(Session).url = (url or "").strip()


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_session
def completion(session: Session, shell: str) -> None:
    """Print a shell's completion script: source it in the shell's start file."""
    found = get_completion_class(shell)
    if found is None:  # The choices above are click's own.
        raise RuntimeError(shell)
    script = found(cli, {}, "ciborium", _COMPLETION_VARIABLE).source()
    session.output.block(script, {"shell": shell, "script": script})


for command in (
    account.login,
    account.logout,
    account.whoami,
    servers.servers,
    connections.connect,
    connections.disconnect,
    users.users,
    tokens.tokens,
    organizations.orgs,
    audit.audit,
    groups.groups,
    models.models,
    workspaces.workspaces,
    chat.chat,
    chats.chats,
    usage.usage,
):
    cli.add_command(command)
for command in (
    access.access,
    tools.tools,
    tools.call,
    tools.test,
    tools.approvals,
    tools.approve,
    personal.rediscover,
    personal.icon,
    personal.headers,
    transfer.import_servers,
    transfer.export_servers,
):
    servers.servers.add_command(command)

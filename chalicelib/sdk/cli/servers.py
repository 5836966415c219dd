"""MCP servers and their tools."""

from typing import Any

import click

from ..base import to_document
from ..client import Client
from ..mcp_servers import MCPServerConfig
from ..requests.mcp_servers import CreateMCPServerConfigRequest, UpdateMCPServerConfigRequest
from .arguments import server_argument
from .commands import Group
from .server_options import read_changes, server_options
from .session import (
    Session,
    get_organization_id,
    get_server,
    get_server_id,
    pass_session,
)


@click.group(cls=Group)
def servers() -> None:
    """MCP servers and their tools."""


@servers.command("list")
@pass_session
def list_servers(session: Session) -> None:
    """List the servers that you may see."""
    with session.client() as client:
        found = client.experimental.list_mcp_servers()
    rows = [
        (
            each.slug,
            each.display_name,
            each.auth_type.value,
            each.auth_connected,
            each.availability.value,
            each.enabled,
            each.url,
        )
        for each in found
    ]
    columns = ("Slug", "Name", "Auth", "Connected", "Availability", "Enabled", "URL")
    session.output.table(columns, rows, found)


@servers.command()
@server_argument
@pass_session
def show(session: Session, server: str) -> None:
    """Show all that you may know of a server."""
    with session.client() as client:
        found = get_server(client, server)
    session.output.fields(_describe(found), found)


@servers.command()
@click.argument("url")
@server_options
@pass_session
def add(session: Session, /, url: str, **options: Any) -> None:
    """Add a server by its URL. With OAuth2, the rest is discovered there."""
    defaults = {
        "transport": "streamable_http",
        "auth_type": "oauth2",
        "availability": "default_off",
    }
    given = {name: value for name, value in options.items() if value is not None}
    fields = read_changes({**defaults, **given})
    fields.setdefault("display_name", url.partition("://")[2].partition("/")[0])
    with session.client() as client:
        _name_organizations(client, fields)
        request = CreateMCPServerConfigRequest(url=url, **fields)
        created = client.experimental.create_mcp_server(request)
    hint = "" if created.enabled else f" Enable it: ciborium servers edit {created.slug} --enable"
    session.output.done(f"Added {created.slug} with the id {created.id}.{hint}", created)


@servers.command()
@server_argument
@click.option("--url", help="Another address; it voids everybody's connections.")
@server_options
@pass_session
def edit(session: Session, /, server: str, **options: Any) -> None:
    """Change a server. What is not given stays; an empty text clears."""
    changes = read_changes(options)
    if not changes:
        raise click.UsageError("Nothing is to be changed; see --help for what can be.")
    with session.client() as client:
        _name_organizations(client, changes)
        request = UpdateMCPServerConfigRequest(**changes)
        server_id = get_server_id(client, server)
        changed = client.experimental.update_mcp_server(server_id, request)
    session.output.done(f"Changed {changed.slug}: {', '.join(sorted(changes))}.", changed)


@servers.command()
@server_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, server: str, yes: bool) -> None:
    """Remove a server and everybody's connections to it."""
    with session.client() as client:
        found = get_server(client, server)
        if not yes:
            question = f"Remove {found.slug} and everybody's connections to it?"
            click.confirm(question, abort=True, err=True)
        client.experimental.delete_mcp_server(found.id)
    session.output.done(f"Removed {found.slug}.", {"id": found.id, "removed": True})


def _name_organizations(client: Client, fields: dict[str, Any]) -> None:
    """Put ids in place of names."""
    if "organization_ids" in fields:
        references = [each for each in fields["organization_ids"] if each]
        fields["organization_ids"] = [get_organization_id(client, each) for each in references]


def _describe(server: MCPServerConfig) -> dict[str, Any]:
    """Everything that the API says, secrets being only flags."""
    fields = to_document(server)
    return {name.replace("_", " "): value for name, value in fields.items()}

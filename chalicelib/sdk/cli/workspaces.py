"""Workspaces: the named projects of an organisation."""

from typing import Any, TextIO

import click

from ..base import to_document
from ..client import Client
from ..requests.workspaces import CreateWorkspaceRequest, UpdateWorkspaceRequest
from ..workspaces import Workspace
from .commands import Group
from .problems import REFUSED, Problem
from .session import Session, get_organization_id, get_server_id, is_id, pass_session

_organization = click.argument("organization")
_workspace = click.argument("workspace")
_instructions = click.option("--instructions", help="What its chats' prompts begin with.")
_file = click.option(
    "--instructions-file", type=click.File(encoding="utf-8"), help="The same, from a file or -."
)
_servers = click.option(
    "--server",
    "servers",
    multiple=True,
    help="An MCP server that its new chats get; may be repeated.",
)


@click.group(cls=Group)
def workspaces() -> None:
    """Workspaces: an organisation's projects, with instructions and servers for their chats."""


@workspaces.command("list")
@_organization
@pass_session
def list_workspaces(session: Session, organization: str) -> None:
    """List the workspaces of an organisation."""
    with session.client() as client:
        found = list(client.iter_workspaces(get_organization_id(client, organization)))
    found.sort(key=lambda each: each.name.casefold())
    rows = [
        (each.name, _owner(each), len(each.default_mcp_server_ids), each.updated_at, each.id)
        for each in found
    ]
    session.output.table(("Name", "Owner", "Servers", "Changed", "Id"), rows, found)


@workspaces.command()
@_organization
@click.argument("name")
@_instructions
@_file
@_servers
@pass_session
def add(session: Session, /, organization: str, name: str, **options: Any) -> None:
    """Add a workspace of your own."""
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        request = CreateWorkspaceRequest(name=name, **_read_fields(client, options))
        created = client.create_workspace(organization_id, request)
    session.output.done(f"Added {created.name} with the id {created.id}.", created)


@workspaces.command()
@_organization
@_workspace
@pass_session
def show(session: Session, organization: str, workspace: str) -> None:
    """Show a workspace."""
    with session.client() as client:
        found = get_workspace(client, get_organization_id(client, organization), workspace)
    pairs = {name.replace("_", " "): value for name, value in to_document(found).items()}
    hidden = dict.fromkeys(("owner id", "owner username", "organization id"))
    session.output.fields({**pairs, **hidden, "owner": _owner(found)}, found)


@workspaces.command()
@_organization
@_workspace
@click.option("--name")
@_instructions
@_file
@_servers
@pass_session
def edit(session: Session, /, organization: str, workspace: str, **options: Any) -> None:
    """Change a workspace. What is not given stays; an empty text clears."""
    with session.client() as client:
        changes = _read_fields(client, options)
        if not changes:
            raise click.UsageError("Nothing is to be changed; see --help for what can be.")
        organization_id = get_organization_id(client, organization)
        found = get_workspace(client, organization_id, workspace)
        request = UpdateWorkspaceRequest(**changes)
        changed = client.update_workspace(organization_id, found.id, request)
    session.output.done(f"Changed {changed.name}: {', '.join(sorted(changes))}.", changed)


@workspaces.command()
@_organization
@_workspace
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, organization: str, workspace: str, yes: bool) -> None:
    """Remove a workspace; its chats stay, without its instructions."""
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        found = get_workspace(client, organization_id, workspace)
        if not yes:
            click.confirm(f"Remove {found.name}?", abort=True, err=True)
        client.delete_workspace(organization_id, found.id)
    session.output.done(f"Removed {found.name}.", {"id": found.id, "removed": True})


def _read_fields(client: Client, options: dict[str, Any]) -> dict[str, Any]:
    """What the options set, servers by their ids."""
    file: TextIO | None = options.pop("instructions_file", None)
    servers: tuple[str, ...] = options.pop("servers")
    if file is not None and options.get("instructions") is not None:
        raise click.UsageError("Give the instructions as a text or as a file, not both.")
    fields = {name: value for name, value in options.items() if value is not None}
    if file is not None:
        fields["instructions"] = file.read()
    if servers:
        ids = [get_server_id(client, each) for each in servers if each]
        fields["default_mcp_server_ids"] = ids
    return fields


def get_workspace(client: Client, organization_id: str, reference: str) -> Workspace:
    """A workspace by its id or name.

    Raises:
        Problem: none of the organisation is called so.
    """
    if is_id(reference):
        return client.get_workspace(organization_id, reference)
    for workspace in client.iter_workspaces(organization_id):
        if workspace.name.casefold() == reference.casefold():
            return workspace
    raise Problem(f"No workspace is called {reference}. See `ciborium workspaces list`.", REFUSED)


def _owner(workspace: Workspace) -> str:
    return workspace.owner_username or "(deleted)"

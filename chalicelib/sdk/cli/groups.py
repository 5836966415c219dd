"""Groups of an organisation's members."""

import click

from ..requests.groups import CreateGroupRequest, UpdateGroupRequest
from .commands import Group
from .organizations import show_members
from .session import Session, get_group_id, get_organization_id, get_user_id, pass_session

_organization = click.argument("organization")
_group = click.argument("group")


@click.group(cls=Group)
def groups() -> None:
    """Groups of an organisation's members."""


@groups.command("list")
@_organization
@pass_session
def list_groups(session: Session, organization: str) -> None:
    """List the groups of an organisation."""
    with session.client() as client:
        found = client.list_groups(get_organization_id(client, organization))
    rows = [(each.name, each.display_name, each.is_everyone, each.id) for each in found]
    session.output.table(("Name", "Display name", "Everyone", "Id"), rows, found)


@groups.command()
@_organization
@click.argument("name")
@click.option("--display-name", help="For people; the name if not given.")
@pass_session
def create(session: Session, organization: str, name: str, display_name: str | None) -> None:
    """Add a group."""
    request = CreateGroupRequest(name=name, display_name=display_name)
    with session.client() as client:
        created = client.create_group(get_organization_id(client, organization), request)
    session.output.done(f"Created {created.name} with the id {created.id}.", created)


@groups.command()
@_organization
@_group
@click.option("--name")
@click.option("--display-name")
@pass_session
def edit(session: Session, /, organization: str, group: str, **options: str | None) -> None:
    """Change a group. What is not given stays."""
    changes = {name: value for name, value in options.items() if value is not None}
    if not changes:
        raise click.UsageError("Nothing is to be changed; see --help for what can be.")
    request = UpdateGroupRequest(**changes)
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        group_id = get_group_id(client, organization_id, group)
        changed = client.update_group(organization_id, group_id, request)
    session.output.done(f"Changed {changed.name}.", changed)


@groups.command()
@_organization
@_group
@pass_session
def delete(session: Session, organization: str, group: str) -> None:
    """Remove a group; its members stay in the organisation."""
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        group_id = get_group_id(client, organization_id, group)
        client.delete_group(organization_id, group_id)
    session.output.done(f"Deleted {group}.", {"id": group_id, "deleted": True})


@groups.command()
@_organization
@_group
@pass_session
def members(session: Session, organization: str, group: str) -> None:
    """List the members of a group."""
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        group_id = get_group_id(client, organization_id, group)
        found = list(client.iter_group_members(organization_id, group_id))
    show_members(session, found)


@groups.command("add-member")
@_organization
@_group
@click.argument("user")
@pass_session
def add_member(session: Session, organization: str, group: str, user: str) -> None:
    """Put a member of the organisation into a group."""
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        group_id = get_group_id(client, organization_id, group)
        user_id = get_user_id(client, user)
        client.add_group_member(organization_id, group_id, user_id)
    session.output.done(f"{user} is in {group} now.", {"user_id": user_id, "group_id": group_id})


@groups.command("remove-member")
@_organization
@_group
@click.argument("user")
@pass_session
def remove_member(session: Session, organization: str, group: str, user: str) -> None:
    """Take somebody out of a group."""
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        group_id = get_group_id(client, organization_id, group)
        user_id = get_user_id(client, user)
        client.remove_group_member(organization_id, group_id, user_id)
    data = {"user_id": user_id, "group_id": group_id, "removed": True}
    session.output.done(f"{user} is not in {group} any more.", data)

"""Organisations and their members."""

import click

from ..organizations import Organization, OrganizationMember
from ..requests.organizations import (
    CreateOrganizationRequest,
    MemberRolesRequest,
    UpdateOrganizationRequest,
)
from .commands import Group
from .session import Session, get_organization_id, get_user_id, pass_session


@click.group(cls=Group)
def orgs() -> None:
    """Organisations and their members."""


@orgs.command("list")
@pass_session
def list_organizations(session: Session) -> None:
    """List your organisations; an owner sees all."""
    with session.client() as client:
        found = client.list_organizations()
    rows = [(each.name, each.display_name, each.is_default, each.id) for each in found]
    session.output.table(("Name", "Display name", "Default", "Id"), rows, found)


@orgs.command()
@click.argument("organization")
@pass_session
def show(session: Session, organization: str) -> None:
    """Show an organisation, by name or id."""
    with session.client() as client:
        found = client.get_organization(get_organization_id(client, organization))
    session.output.fields(_describe(found), found)


@orgs.command()
@click.argument("name")
@click.option("--display-name", help="For people; the name if not given.")
@click.option("--description", default="")
@pass_session
def create(session: Session, name: str, display_name: str | None, description: str) -> None:
    """Add an organisation."""
    request = CreateOrganizationRequest(
        name=name, display_name=display_name, description=description
    )
    with session.client() as client:
        created = client.create_organization(request)
    session.output.done(f"Created {created.name} with the id {created.id}.", created)


@orgs.command()
@click.argument("organization")
@click.option("--name")
@click.option("--display-name")
@click.option("--description")
@pass_session
def edit(session: Session, /, organization: str, **options: str | None) -> None:
    """Change an organisation. What is not given stays."""
    changes = {name: value for name, value in options.items() if value is not None}
    if not changes:
        raise click.UsageError("Nothing is to be changed; see --help for what can be.")
    request = UpdateOrganizationRequest(**changes)
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        changed = client.update_organization(organization_id, request)
    session.output.done(f"Changed {changed.name}.", changed)


@orgs.command()
@click.argument("organization")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def delete(session: Session, organization: str, yes: bool) -> None:
    """Remove an organisation that has no chats."""
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        if not yes:
            question = f"Delete the organization {organization} with its groups?"
            click.confirm(question, abort=True, err=True)
        client.delete_organization(organization_id)
    session.output.done(f"Deleted {organization}.", {"id": organization_id, "deleted": True})


@orgs.command()
@click.argument("organization")
@pass_session
def members(session: Session, organization: str) -> None:
    """List the members of an organisation."""
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        found = list(client.iter_organization_members(organization_id))
    show_members(session, found)


@orgs.command("add-member")
@click.argument("organization")
@click.argument("user")
@click.option("--admin", is_flag=True, help="May manage the organisation.")
@pass_session
def add_member(session: Session, organization: str, user: str, admin: bool) -> None:
    """Make a user a member."""
    request = MemberRolesRequest(roles=["organization-admin"] if admin else [])
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        added = client.add_organization_member(organization_id, get_user_id(client, user), request)
    session.output.done(f"{added.username} is a member of {organization} now.", added)


@orgs.command("edit-member")
@click.argument("organization")
@click.argument("user")
@click.option("--admin/--no-admin", required=True, help="May manage the organisation.")
@pass_session
def edit_member(session: Session, organization: str, user: str, admin: bool) -> None:
    """Say anew what a member may do."""
    request = MemberRolesRequest(roles=["organization-admin"] if admin else [])
    with session.client() as client:
        changed = client.set_organization_member_roles(
            get_organization_id(client, organization), get_user_id(client, user), request
        )
    roles = ", ".join(role.name for role in changed.roles)
    session.output.done(f"{changed.username} is {roles} of {organization}.", changed)


@orgs.command("remove-member")
@click.argument("organization")
@click.argument("user")
@pass_session
def remove_member(session: Session, organization: str, user: str) -> None:
    """Let a member leave the organisation and its groups."""
    with session.client() as client:
        user_id = get_user_id(client, user)
        client.remove_organization_member(get_organization_id(client, organization), user_id)
    data = {"user_id": user_id, "removed": True}
    session.output.done(f"{user} is no member of {organization} any more.", data)


def show_members(session: Session, members: list[OrganizationMember]) -> None:
    """Members of an organisation or a group."""
    rows = [
        (
            each.username,
            each.name,
            [role.name for role in each.roles],
            f"{each.created_at:%Y-%m-%d}",
            each.user_id,
        )
        for each in members
    ]
    session.output.table(("User name", "Name", "Roles", "Since", "Id"), rows, members)


def _describe(organization: Organization) -> dict[str, object]:
    return {
        "Name": organization.name,
        "Display name": organization.display_name,
        "Description": organization.description,
        "Default": organization.is_default,
        "Id": organization.id,
        "Created": organization.created_at,
    }

"""Organisations and their members."""

import click

from ..organizations import AddMemberRequest, CreateOrganizationRequest, Organization
from .commands import Group
from .session import Session, get_organization_id, pass_session


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
@pass_session
def members(session: Session, organization: str) -> None:
    """List the members of an organisation."""
    with session.client() as client:
        found = client.list_organization_members(get_organization_id(client, organization))
    rows = [
        (each.user_id, [role.name for role in each.roles], f"{each.created_at:%Y-%m-%d}")
        for each in found
    ]
    session.output.table(("User", "Roles", "Since"), rows, found)


@orgs.command("add-member")
@click.argument("organization")
@click.argument("user")
@click.option("--admin", is_flag=True, help="May manage the organisation.")
@pass_session
def add_member(session: Session, organization: str, user: str, admin: bool) -> None:
    """Make a user a member."""
    request = AddMemberRequest(roles=["organization-admin"] if admin else [])
    with session.client() as client:
        organization_id = get_organization_id(client, organization)
        added = client.add_organization_member(organization_id, user, request)
    session.output.done(f"{added.user_id} is a member of {organization} now.", added)


def _describe(organization: Organization) -> dict[str, object]:
    return {
        "Name": organization.name,
        "Display name": organization.display_name,
        "Description": organization.description,
        "Default": organization.is_default,
        "Id": organization.id,
        "Created": organization.created_at,
    }

"""People."""

from typing import Any

import click

from ..requests.identity import CreateUserRequest, UpdateUserRequest
from .account import describe_user
from .commands import Group
from .session import Session, get_user_id, pass_session

_user = click.argument("user", metavar="USER")


@click.group(cls=Group)
def users() -> None:
    """People; each by user name, by id, or as `me`."""


@users.command("list")
@click.option("--search", metavar="TEXT", help="Only whose user name or e-mail address has it.")
@click.option("--status", type=click.Choice(["active", "suspended"]))
@pass_session
def list_users(session: Session, search: str | None, status: Any) -> None:
    """List people."""
    with session.client() as client:
        found = list(client.iter_users(search=search, status=status))
    rows = [
        (each.username, each.name, each.email, each.status, [r.name for r in each.roles], each.id)
        for each in found
    ]
    session.output.table(("User name", "Name", "E-mail", "Status", "Roles", "Id"), rows, found)


@users.command()
@click.argument("user", default="me")
@pass_session
def show(session: Session, user: str) -> None:
    """Show a person."""
    with session.client() as client:
        found = client.get_user(get_user_id(client, user))
    session.output.fields(describe_user(found), found)


@users.command()
@click.argument("username")
@click.argument("email")
@click.option("--name", default="", help="The full name.")
@click.option("--owner", is_flag=True, help="May manage the whole deployment.")
@pass_session
def create(session: Session, username: str, email: str, name: str, owner: bool) -> None:
    """Add a person."""
    request = CreateUserRequest(
        username=username, email=email, name=name, roles=["owner"] if owner else []
    )
    with session.client() as client:
        user = client.create_user(request)
    session.output.done(f"Created {user.username} with the id {user.id}.", user)


@users.command()
@_user
@click.option("--username")
@click.option("--email")
@click.option("--name")
@click.option("--owner/--no-owner", default=None, help="May manage the whole deployment.")
@pass_session
def edit(session: Session, /, user: str, owner: bool | None, **options: str | None) -> None:
    """Change a person. What is not given stays."""
    changes: dict[str, Any] = {k: v for k, v in options.items() if v is not None}
    if owner is not None:
        changes["roles"] = ["owner"] if owner else []
    if not changes:
        raise click.UsageError("Nothing is to be changed; see --help for what can be.")
    request = UpdateUserRequest(**changes)
    with session.client() as client:
        changed = client.update_user(get_user_id(client, user), request)
    session.output.done(f"Changed {changed.username}.", changed)


@users.command()
@_user
@pass_session
def suspend(session: Session, user: str) -> None:
    """Lock a person out, at once."""
    with session.client() as client:
        changed = client.suspend_user(get_user_id(client, user))
    session.output.done(f"{changed.username} is suspended.", changed)


@users.command()
@_user
@pass_session
def activate(session: Session, user: str) -> None:
    """Let a suspended person in again."""
    with session.client() as client:
        changed = client.activate_user(get_user_id(client, user))
    session.output.done(f"{changed.username} is active.", changed)


@users.command()
@_user
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def delete(session: Session, user: str, yes: bool) -> None:
    """Remove a person and all that they have."""
    with session.client() as client:
        found = client.get_user(get_user_id(client, user))
        if not yes:
            question = f"Delete {found.username} with all chats, tokens and connections?"
            click.confirm(question, abort=True, err=True)
        client.delete_user(found.id)
    session.output.done(f"Deleted {found.username}.", {"id": found.id, "deleted": True})

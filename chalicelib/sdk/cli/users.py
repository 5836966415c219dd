"""People."""

import click

from ..identity import CreateUserRequest
from .account import describe_user
from .commands import Group
from .session import Session, pass_session


@click.group(cls=Group)
def users() -> None:
    """People."""


@users.command()
@click.argument("user", default="me")
@pass_session
def show(session: Session, user: str) -> None:
    """Show a person, by id or as `me`."""
    with session.client() as client:
        found = client.get_user(user)
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

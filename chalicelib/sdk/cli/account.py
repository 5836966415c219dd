"""Signing in and out."""

import sys
from typing import Any

import click

from ..exceptions import UnauthenticatedError
from ..identity import User
from .commands import JSONCommand
from .credentials import Credentials, credentials_path, environment_token, forget, store
from .problems import REFUSED, Problem
from .session import Session, pass_session


@click.command(cls=JSONCommand)
@click.argument("url", required=False)
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@pass_session
def login(session: Session, url: str | None, token_stdin: bool) -> None:
    """Sign in with an API token, and remember it for this user of this machine.

    The token is read from standard input, from CIBORIUM_TOKEN, or asked for.
    """
    url = url or session.url or click.prompt("Address of the deployment", err=True)
    if token_stdin:
        token = sys.stdin.readline()
    else:
        token = environment_token() or click.prompt("API token", hide_input=True, err=True)
    with session.client_of(url, token.strip()) as client:
        try:
            user = client.get_user()
        except UnauthenticatedError:
            raise Problem("The token is not valid here; nothing was stored.", REFUSED) from None
        path = store(Credentials(client.base_url, token.strip()))
    sentence = f"Signed in to {client.base_url} as {user.username}. Stored in {path}."
    session.output.done(sentence, {"url": client.base_url, "user": user})


@click.command(cls=JSONCommand)
@click.option("--revoke", is_flag=True, help="End the token, too, wherever else it is used.")
@pass_session
def logout(session: Session, revoke: bool) -> None:
    """Forget the stored token."""
    if revoke:
        with session.client() as client:
            client.logout()
    was_there = forget()
    sentence = f"Removed {credentials_path()}." if was_there else "There was nothing to remove."
    session.output.done(sentence, {"removed": was_there, "revoked": revoke})


@click.command(cls=JSONCommand)
@pass_session
def whoami(session: Session) -> None:
    """Show who you are, and where."""
    with session.client() as client:
        user = client.get_user()
    session.output.fields(
        {"Deployment": client.base_url, **describe_user(user)},
        {"url": client.base_url, "user": user},
    )


def describe_user(user: User) -> dict[str, Any]:
    """A user's fields, for people."""
    return {
        "User name": user.username,
        "Name": user.name,
        "E-mail": user.email,
        "Id": user.id,
        "Status": user.status,
        "Roles": [role.name for role in user.roles],
        "Organizations": user.organization_ids,
        "Created": user.created_at,
    }

"""API tokens."""

import re
from typing import get_args

import click

from ..identity import Scope
from ..requests.identity import CreateTokenRequest
from .commands import Group
from .session import Session, get_user_id, pass_session

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


class Lifetime(click.ParamType[int]):
    """A time such as `90d` or `12h`, in seconds."""

    name = "lifetime"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Its seconds."""
        found = re.fullmatch(r"(\d{1,9})([smhd]?)", str(value), re.ASCII)
        if not found:
            self.fail(f"{value!r} is no time such as 90d, 12h or 3600", param, ctx)
        return int(found.group(1)) * _UNITS[found.group(2)]


@click.group(cls=Group)
def tokens() -> None:
    """API tokens."""


_user = click.option(
    "--user", default="me", metavar="USER", help="Whose, by user name or id: yours if not given."
)


@tokens.command("list")
@_user
@pass_session
def list_tokens(session: Session, user: str) -> None:
    """List API tokens and browser sessions, without what is secret."""
    with session.client() as client:
        found = client.list_tokens(get_user_id(client, user))
    rows = [
        (
            each.token_name,
            each.kind,
            each.scopes,
            f"{each.expires_at:%Y-%m-%d %H:%M}",
            f"{each.last_used:%Y-%m-%d %H:00}" if each.last_used else "",
            each.id,
        )
        for each in found
    ]
    session.output.table(("Name", "Kind", "Scopes", "Expires", "Last used", "Id"), rows, found)


@tokens.command()
@click.argument("token_id")
@_user
@pass_session
def revoke(session: Session, token_id: str, user: str) -> None:
    """End a token or a browser session, at once."""
    with session.client() as client:
        client.revoke_token(token_id, get_user_id(client, user))
    session.output.done(f"Revoked {token_id}.", {"id": token_id, "revoked": True})


@tokens.command()
@_user
@click.option("--name", default=None, help="What to know it by.")
@click.option("--lifetime", type=Lifetime(), help="For instance 90d, which is the default, or 12h.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(get_args(Scope)),
    multiple=True,
    help="What it is good for; may be repeated. Everything if not given.",
)
@pass_session
def create(
    session: Session,
    user: str,
    name: str | None,
    lifetime: int | None,
    scopes: tuple[str, ...],
) -> None:
    """Make a token. It is shown now and never again."""
    given = {"token_name": name, "lifetime": lifetime, "scopes": list(scopes) or None}
    request = CreateTokenRequest.model_validate({k: v for k, v in given.items() if v is not None})
    with session.client() as client:
        created = client.create_token(get_user_id(client, user), request)
    sentence = f"{created.key}\nIt is good until {created.expires_at:%Y-%m-%d %H:%M} UTC."
    session.output.block(sentence, created)

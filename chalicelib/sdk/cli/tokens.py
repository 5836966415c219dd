"""API tokens."""

import re

import click

from ..identity import CreateTokenRequest
from .commands import Group
from .session import Session, pass_session

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


@tokens.command()
@click.option("--user", default="me", help="Whose it is, by id: yours if not given.")
@click.option("--name", default=None, help="What to know it by.")
@click.option("--lifetime", type=Lifetime(), help="For instance 90d, which is the default, or 12h.")
@pass_session
def create(session: Session, user: str, name: str | None, lifetime: int | None) -> None:
    """Make a token. It is shown now and never again."""
    given = {"token_name": name, "lifetime": lifetime}
    request = CreateTokenRequest.model_validate({k: v for k, v in given.items() if v is not None})
    with session.client() as client:
        created = client.create_token(user, request)
    sentence = f"{created.key}\nIt is good until {created.expires_at:%Y-%m-%d %H:%M} UTC."
    session.output.block(sentence, created)

"""The command about people."""

from dataclasses import replace

import click

from chalicelib.identity.errors import UserNotFoundError
from chalicelib.identity.models import OPERATOR, User
from chalicelib.identity.permissions import SiteRole, TokenScope
from chalicelib.primitives import parse_id
from infra.operator.context import Operator, json_option, pass_operator

_OWNER = replace(OPERATOR, roles=(SiteRole.OWNER,), scopes=(TokenScope.ALL,))
"""Whoever reaches the tables may do what owners may."""
_MOST = 100


@click.command()
@click.argument("user", metavar="USER")
@json_option
@pass_operator
def disconnect(operator: Operator, *, user: str) -> None:
    """Forget all that a person connected, and revoke it at the providers.

    USER is a user name or an id. Suspend them first, or they may connect again.
    """
    found = _get_user(operator, user)
    done = operator.services.connections.disconnect_all(_OWNER, found.id)
    revoked = sum(each.revoked for each in done.values())
    problems = {server: each.problem for server, each in done.items() if each.problem}
    counts = f"{revoked} revoked at their providers, {len(problems)} not confirmed."
    lines = [
        f"{len(done)} connections of {found.username} are forgotten, {counts}",
        *(f"server {server}: {problem}" for server, problem in sorted(problems.items())),
    ]
    document = {
        "user_id": found.id,
        "forgotten": sorted(done),
        "revoked": revoked,
        "problems": problems,
    }
    operator.result(lines, document)
    if problems:
        raise SystemExit(1)


def _get_user(operator: Operator, named: str) -> User:
    """A user by user name or id.

    Raises:
        UserNotFoundError: there is none.
    """
    users = operator.services.users
    if parse_id(named):
        return users.get(_OWNER, named)
    after_id: str | None = None
    while True:  # A short name is in many others.
        page = users.list_page(_OWNER, limit=_MOST, after_id=after_id, search=named, status=None)
        for each in page.users:
            if each.username.casefold() == named.casefold():
                return each
        if not page.has_more:
            raise UserNotFoundError
        after_id = page.users[-1].id

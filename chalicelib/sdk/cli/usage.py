"""What chats have used and cost, and how much may be spent."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import click

from ..chat_usage import ChatUsage, ChatUsageLimitConfig
from ..client import Client
from ..requests.chat_usage import UpdateChatUsageLimitRequest
from .commands import Group, json_option
from .models import Dollars
from .output import note
from .problems import REFUSED, Problem
from .session import Session, get_group_id, get_organization_id, get_user_id, pass_session

_MICROS = 1_000_000
_COUNTERS = ("Messages", "Tokens in", "Tokens out", "From cache", "To cache", "$")
_DATE = click.DateTime(["%Y-%m-%d", "%Y-%m"])


class Amount(Dollars):
    """An amount such as `20` or `0.50`; -1 stands for any."""

    name = "dollars|any"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Its micro-dollars."""
        return -1 if value == "any" else super().convert(value, param, ctx)


@click.group(cls=Group, invoke_without_command=True)
@click.option("--all", "all_", is_flag=True, help="Of everybody; for owners.")
@click.option("--user", help="Of somebody else; for owners.")
@click.option("--from", "start", type=_DATE, metavar="MONTH", help="From 2026-01 on.")
@click.option("--to", "end", type=_DATE, metavar="MONTH", help="Up to this month; the present one.")
@json_option
@click.pass_context
def usage(
    context: click.Context,
    all_: bool,
    user: str | None,
    start: datetime | None,
    end: datetime | None,
) -> None:
    """Show what your chats have used and cost, this month or in others."""
    if context.invoked_subcommand is not None:
        return
    if all_ and user:
        raise click.UsageError("--all and --user exclude each other.")
    session = context.ensure_object(Session)
    months: dict[str, Any] = {
        "start_date": start.date() if start else None,
        "end_date": end.date() if end else None,
    }
    with session.client() as client:
        if all_:
            _show_all(session, client, months)
        else:
            _show_one(session, client, user, months)


@usage.group(cls=Group)
def limits() -> None:
    """How much may be spent in a month; for owners. Amounts are in dollars, or `any`."""


@limits.command()
@pass_session
def show(session: Session) -> None:
    """Show every limit."""
    with session.client() as client:
        found = client.experimental.get_chat_usage_limit_config()
    session.output.table(("For", "Who", "$ a month"), _limit_rows(found), found)


@limits.command("set")
@click.argument("amount", type=Amount())
@pass_session
def set_limit(session: Session, amount: int) -> None:
    """Say how much everybody may spend, unless something else is said for them."""
    with session.client() as client:
        found = client.experimental.update_chat_usage_limit_config(_request(amount))
    session.output.done(f"Everybody may spend {_words(amount)}.", found)


@limits.command()
@click.argument("amount", type=Amount(), required=False)
@click.option("--user", help="Whose.")
@click.option("--group", help="Each of whose members'; everyone's, if it is `everyone`.")
@click.option("--org", metavar="ORGANIZATION", help="The group's.")
@click.option("--remove", is_flag=True, help="Let hold what holds for others.")
@pass_session
def override(
    session: Session,
    amount: int | None,
    user: str | None,
    group: str | None,
    org: str | None,
    remove: bool,
) -> None:
    """Say how much one user, or each member of a group, may spend.

    A user's own limit counts before those of groups, of which the most generous counts.
    """
    if (user is None) == (group is None):
        raise click.UsageError("Give either --user or --group.")
    if (amount is None) != remove:
        raise click.UsageError("Give either an amount or --remove.")
    with session.client() as client:
        api = client.experimental
        whom = get_user_id(client, user) if user else _get_group_id(client, org, group or "")
        if amount is None:
            if user:
                api.delete_chat_usage_limit_override(whom)
            else:
                api.delete_chat_usage_limit_group_override(whom)
            gone = {"id": whom, "removed": True}
            session.output.done(f"{user or group} has no limit of its own any more.", gone)
        elif user:
            mine = api.upsert_chat_usage_limit_override(whom, _request(amount))
            session.output.done(f"{user} may spend {_words(amount)}.", mine)
        else:
            each = api.upsert_chat_usage_limit_group_override(whom, _request(amount))
            session.output.done(f"Each member of {group} may spend {_words(amount)}.", each)


def _show_one(session: Session, client: Client, user: str | None, months: dict[str, Any]) -> None:
    api = client.experimental
    whom = get_user_id(client, user) if user else "me"
    found = api.get_chat_cost_summary(whom, **months)
    if whom != "me":
        data: Any = found
    else:
        status = api.get_my_chat_usage_limit_status()
        data = {"summary": found, "status": status}
        if not session.output.as_json:
            spent = _to_dollars(status.spent_micros)
            of = "" if status.limit_micros is None else f" of ${_to_dollars(status.limit_micros)}"
            until = f"{status.resets_at:%Y-%m-%d %H:%M} UTC"
            note(f"You have spent ${spent}{of} this month, which ends at {until}.")
    rows: Sequence[Sequence[Any]] = ()
    if not session.output.as_json and found.by_model:
        names = {each.id: each.display_name for each in api.list_chat_models()}
        rows = [
            *(
                (names.get(each.model_config_id, each.model_config_id), *_counters(each))
                for each in found.by_model
            ),
            ("All", *_counters(found.total)),
        ]
    session.output.table(("Model", *_COUNTERS), rows, data)


def _show_all(session: Session, client: Client, months: dict[str, Any]) -> None:
    found = list(client.experimental.iter_chat_cost_users(**months))
    rows = [(each.username, each.name, *_counters(each)) for each in found]
    session.output.table(("User name", "Name", *_COUNTERS), rows, found)


def _limit_rows(found: ChatUsageLimitConfig) -> list[tuple[str, str, str]]:
    return [
        ("everybody", "", _amount(found.spend_limit_micros)),
        *(
            ("group", each.group_id, _amount(each.spend_limit_micros))
            for each in found.group_overrides
        ),
        *(
            ("user", each.username or each.user_id, _amount(each.spend_limit_micros))
            for each in found.overrides
        ),
    ]


def _get_group_id(client: Client, organization: str | None, group: str) -> str:
    if organization is not None:
        return get_group_id(client, get_organization_id(client, organization), group)
    found = client.list_organizations()
    if len(found) != 1:
        raise Problem("Say which organization's group it is: --org ORGANIZATION.", REFUSED)
    return get_group_id(client, found[0].id, group)


def _request(amount: int) -> UpdateChatUsageLimitRequest:
    return UpdateChatUsageLimitRequest(spend_limit_micros=None if amount < 0 else amount)


def _counters(found: ChatUsage) -> tuple[Any, ...]:
    return (
        found.messages,
        found.input_tokens,
        found.output_tokens,
        found.cache_read_tokens,
        found.cache_creation_tokens,
        _to_dollars(found.cost_micros),
    )


def _words(amount: int) -> str:
    return "any amount" if amount < 0 else f"${_to_dollars(amount)} a month"


def _amount(micros: int | None) -> str:
    return "any" if micros is None else _to_dollars(micros)


def _to_dollars(micros: int) -> str:
    return f"{Decimal(micros) / _MICROS:f}"

"""The audit log."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import click

from ..audit import AuditEvent
from ..client import Client
from ..methods.audit import AuditFilter
from .commands import F, Group
from .output import to_jsonable
from .session import Session, get_organization_id, pass_session

_OPTIONS = (
    click.option("--actor", metavar="ID", help="Who did it: an id, me, or operator."),
    click.option("--action", help="What was done, for instance create."),
    click.option("--object-type", help="What it was done to, for instance mcp_server."),
    click.option("--object-id", metavar="ID"),
    click.option("--org", metavar="ORGANIZATION", help="Its admins must give it."),
    click.option("--from", "since", type=click.DateTime(), help="At this time (UTC) or later."),
    click.option("--to", "until", type=click.DateTime(), help="Before this time (UTC)."),
)


def _filter_options(function: F) -> F:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.group(cls=Group)
def audit() -> None:
    """Who did what to which object, when and from where."""


@audit.command("list")
@_filter_options
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@pass_session
def list_events(session: Session, /, limit: int, **options: Any) -> None:
    """List the latest events."""
    with session.client() as client:
        wanted = _read_filter(client, options)
        events = client.iter_audit_events(wanted, page_size=min(limit, 200))
        found = list(itertools.islice(events, limit))
    rows = [
        (
            f"{each.time.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            each.actor_username or each.actor_id,
            each.action,
            each.object_type,
            each.object_id,
            _describe_diff(each),
        )
        for each in found
    ]
    columns = ("Time (UTC)", "Actor", "Action", "Object", "Id", "Changed")
    session.output.table(columns, rows, found)


@audit.command()
@_filter_options
@pass_session
def export(session: Session, /, **options: Any) -> None:
    """Print all events as JSON lines, with and without --json."""
    with session.client() as client:
        for event in client.export_audit_events(_read_filter(client, options)):
            click.echo(json.dumps(to_jsonable(event)))


def _read_filter(client: Client, options: dict[str, Any]) -> AuditFilter:
    organization = options.pop("org")
    for name in ("since", "until"):
        moment: datetime | None = options[name]
        options[name] = moment.replace(tzinfo=UTC) if moment else None
    return AuditFilter(
        organization_id=get_organization_id(client, organization) if organization else None,
        **options,
    )


def _describe_diff(event: AuditEvent) -> str:
    """The names of what changed; the values are in the JSON."""
    return ", ".join(event.diff)

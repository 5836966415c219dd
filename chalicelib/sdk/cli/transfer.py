"""Servers from and to the files of other programs."""

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from ..client import Client
from ..exceptions import APIError
from ..interchange import Form, Import, InterchangeError, read_servers, write_servers
from ..interchange.models import SkippedServer
from ..mcp_servers import AuthType, Availability, MCPServerConfig
from .commands import JSONCommand
from .output import note
from .problems import REFUSED, USAGE, Problem, describe
from .secrets import from_variable
from .session import Session, get_server, pass_session


@dataclass
class _Outcome:
    created: list[MCPServerConfig] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)


@click.command("import", cls=JSONCommand)
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--auth",
    type=click.Choice(["oauth2", "none"]),
    default="oauth2",
    show_default=True,
    help="Of servers without headers.",
)
@click.option(
    "--availability",
    type=click.Choice([each.value for each in Availability]),
    default="default_off",
    show_default=True,
)
@click.option("--enable", is_flag=True, help="Enable the servers at once.")
@click.option(
    "--value-env",
    "variables",
    multiple=True,
    metavar="PLACEHOLDER=VARIABLE",
    help="Fill a placeholder of the file with the value of an environment variable.",
)
@click.option("--ask", is_flag=True, help="Ask for the values of placeholders.")
@pass_session
def import_servers(session: Session, /, file: str, **options: Any) -> None:
    """Add the remote servers of another program's file.

    FILE is an mcp.json, a claude_desktop_config.json, VS Code's mcp.json or settings, or a
    server.json of the MCP registry; - is standard input. Every server of it is accounted for. A
    placeholder such as ${input:token} is never stored as it stands: give it a value with
    --value-env or --ask.
    """
    found = _read(_load(file), options)
    with session.client() as client:
        found = _without_known(client, found)
        outcome = _Outcome() if options["dry_run"] else _create(client, found)
    _show(session, found, outcome, dry_run=options["dry_run"])
    if outcome.failed:
        click.get_current_context().exit(REFUSED)
    if found.missing:
        click.get_current_context().exit(USAGE)


@click.command("export", cls=JSONCommand)
@click.option(
    "--form", type=click.Choice([each.value for each in Form]), default="mcp", show_default=True
)
@click.option("--only", multiple=True, metavar="SERVER", help="Only this one; may be repeated.")
@pass_session
def export_servers(session: Session, form: str, only: tuple[str, ...]) -> None:
    """Print your servers as another program's file, without secrets."""
    with session.client() as client:
        listed = client.experimental.list_mcp_servers()
        chosen = [get_server(client, each) for each in only] if only else listed
    written = write_servers(chosen, Form(form))
    for skipped in written.skipped:
        note(f"Not in it: {skipped.name}: {skipped.reason}.")
    for slug, text in written.notes:
        note(f"{slug}: {text}.")
    session.output.json(written.document)


def _load(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read()
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Problem(f"The file {file} cannot be read.") from None


def _read(text: str, options: dict[str, Any]) -> Import:
    values: dict[str, SecretStr] = {}
    for pair in options["variables"]:
        name, separator, variable = pair.rpartition("=")
        if not separator:
            raise Problem("--value-env takes PLACEHOLDER=VARIABLE.")
        values[name] = from_variable(variable)

    def read() -> Import:
        return read_servers(
            text,
            values={name: value.get_secret_value() for name, value in values.items()},
            auth_type=AuthType(options["auth"]),
            availability=Availability(options["availability"]),
            enabled=options["enable"],
        )

    try:
        found = read()
        if options["ask"] and found.missing:
            for name in found.missing:
                values[name] = SecretStr(click.prompt(name, hide_input=True, err=True))
            found = read()
    except InterchangeError as exc:
        raise Problem(str(exc)) from None
    return found


def _without_known(client: Client, found: Import) -> Import:
    """Leave out what is there already, so that a file can be imported again."""
    known = {server.slug for server in client.experimental.list_mcp_servers()}
    there = [each for each in found.servers if each.request.slug in known]
    skipped = [
        SkippedServer(each.name, f"there is a server with the slug {each.request.slug} already")
        for each in there
    ]
    new = tuple(each for each in found.servers if each not in there)
    return Import(new, (*found.skipped, *skipped))


def _create(client: Client, found: Import) -> _Outcome:
    outcome = _Outcome()
    for each in found.servers:
        try:
            outcome.created.append(client.experimental.create_mcp_server(each.request))
        except APIError as exc:
            if exc.status in {401, 403}:
                raise
            outcome.failed.append({"name": each.name, "error": describe(exc)})
    return outcome


def _show(session: Session, found: Import, outcome: _Outcome, *, dry_run: bool) -> None:
    notes = {each.name: each.notes for each in found.servers if each.notes}
    data = {
        "would_create": [
            each.request.model_dump(
                mode="json",
                exclude_unset=True,
                exclude={"custom_headers"},  # Its values would be asterisks.
            )
            | {"header_names": list(each.request.custom_headers)}
            for each in found.servers
        ],
        "created": outcome.created,
        "failed": outcome.failed,
        "skipped": [asdict(each) for each in found.skipped],
        "notes": notes,
    }
    data.pop("created" if dry_run else "would_create")
    session.output.table(
        ("Server", "Outcome", "Remarks"), _rows(found, outcome, dry_run=dry_run), data
    )


def _rows(found: Import, outcome: _Outcome, *, dry_run: bool) -> list[tuple[str, str, str]]:
    failed = {each["name"]: each["error"] for each in outcome.failed}
    rows = []
    for each in found.servers:
        notes = "; ".join(each.notes)
        if each.name in failed:
            rows.append((each.name, "failed", failed[each.name]))
        else:
            rows.append((each.name, "would be added" if dry_run else "added", notes))
    for left_out in found.skipped:
        missing = ", ".join(left_out.missing)
        reason = f"{left_out.reason}: {missing}" if missing else left_out.reason
        rows.append((left_out.name, "left out", reason))
    return rows

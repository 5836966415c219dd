"""The operator's program: what a deployment needs now and then, done to its tables and KMS key.

    python -m infra.operator --help

It takes the deployment's settings and AWS credentials from the environment. `docs/operations.md`
says when each command is due, what it prints, and which rights it needs.
"""

import atexit
import gc
import sys

import click

from chalicelib.config import SettingsError
from chalicelib.errors import CiboriumError
from infra.operator.backups import backup, restore
from infra.operator.context import Operator, pass_operator
from infra.operator.first_admin import ensure_first_admin
from infra.operator.keys import keys
from infra.operator.migrations import migrate
from infra.operator.people import disconnect


class _Program(click.Group):
    """Says in one line what has gone wrong."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            result: object = super().invoke(ctx)
        except SettingsError as exc:
            raise click.UsageError(str(exc)) from exc
        except CiboriumError as exc:
            raise click.ClickException(f"{exc.message} ({exc.code})") from exc
        return result


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def cli(context: click.Context) -> None:
    """Operate a Ciborium deployment, with AWS credentials instead of an admin's token.

    CIBORIUM_STAGE and CIBORIUM_PUBLIC_URL say which. Every command may be interrupted and run
    again. Exit codes: 0 done; 1 refused, failed, or something is left; 2 not understood.
    """
    context.ensure_object(Operator)


@cli.command("first-admin")
@pass_operator
def first_admin(operator: Operator) -> None:
    """Make the first admin and the default organisation, unless they are there.

    The admin's token, of at least 32 characters, is read from standard input, so that it is in no
    list of processes.
    """
    made = ensure_first_admin(operator.settings, sys.stdin.readline().strip())
    click.echo(f"First admin: {made.user_id}, default organisation: {made.organization_id}")


cli.add_command(keys)
cli.add_command(migrate)
cli.add_command(backup)
cli.add_command(restore)
cli.add_command(disconnect)


def main() -> None:
    """Run it with the arguments and the environment of the process."""
    atexit.register(gc.freeze)  # Else a quarter of a short run is spent on its way out.
    cli(prog_name="python -m infra.operator")

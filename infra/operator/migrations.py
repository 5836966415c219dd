"""Changes of what older releases have stored."""

import click

from chalicelib.storage import StorageUnavailableError
from infra.operator.chat_migration import PAGE_SIZE, Migration, summarize
from infra.operator.context import Operator, pass_operator


@click.group()
def migrate() -> None:
    """Change what older releases have stored."""


@migrate.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--page-size",
    type=click.IntRange(min=1),
    default=PAGE_SIZE,
    show_default=True,
    help="Items for each read.",
)
@pass_operator
def chats(operator: Operator, *, dry_run: bool, page_size: int) -> None:
    """Give chats that were stored without an organisation theirs."""
    migration = Migration(operator.settings, operator.database, click.echo, dry_run=dry_run)
    try:
        outcome = migration.run(page_size)
    except StorageUnavailableError as exc:
        raise click.ClickException(
            f"{exc.message} Run it again: what was moved stays moved."
        ) from exc
    for line in summarize(outcome, dry_run=dry_run):
        click.echo(line)
    if outcome.left:
        raise SystemExit(1)

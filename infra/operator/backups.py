"""The commands that back up and restore."""

from dataclasses import asdict, replace
from pathlib import Path

import click

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.encryption.errors import KMSKeyNotFoundError
from chalicelib.identity.models import OPERATOR
from chalicelib.primitives import new_id
from chalicelib.version import VERSION
from infra.operator.backup_file import TABLES, Header, read_header, read_rows, writing
from infra.operator.context import Operator, json_option, pass_operator
from infra.operator.restoring import Restoration, Restorer
from infra.operator.trail import Trail

_OF_KEYS = frozenset({"record", "active"})


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--keys-of",
    metavar="STAGE",
    help="For which stage the data keys are wrapped, if these are copies of its tables.",
)
@json_option
@pass_operator
def backup(operator: Operator, *, file: Path, keys_of: str | None) -> None:
    """Write all tables to FILE, with secrets sealed and data keys wrapped as they are.

    Chats are in it as they are stored, in plain text: keep it as you would keep them. Without the
    KMS key that wraps the data keys, nobody reads a secret in it.
    """
    rows, stage = operator.services.rows, keys_of or operator.settings.stage
    header = Header(
        id=new_id(),
        release=VERSION,
        stage=stage,
        created_at=operator.clock().isoformat(),
        kms_key=_find_kms_key(operator, stage),
    )
    with writing(file, header) as writer:
        # Before it happens: chats leave the deployment with it.
        told = {"stage": header.stage, "created_at": header.created_at}
        event = OPERATOR.did(Action.CREATE, ObjectType.BACKUP, header.id, diff({}, told))
        operator.services.record(event)
        for table in TABLES:
            for page, _ in rows.pages(table):
                for row in page:
                    if table != "keys" or row["SK"]["S"] in _OF_KEYS:
                        writer.add(table, row)
                operator.report(f"{table}: {writer.rows} rows in all")
    operator.result(
        [f"{writer.rows} rows are in {file}."],
        {"file": str(file), "rows": writer.rows, **asdict(header)},
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--into-nonempty", is_flag=True, help="Add what is missing to rows that are there.")
@click.option("--dry-run", is_flag=True, help="Only see whether FILE is whole and there is room.")
@json_option
@pass_operator
def restore(operator: Operator, *, file: Path, into_nonempty: bool, dry_run: bool) -> None:
    """Put a backup into the tables of this deployment, which may be another than it is of.

    Nothing that is there is overwritten. After an interruption, run it again.
    """
    header = read_header(file)
    count = sum(1 for _ in read_rows(file))
    restorer = Restorer(
        file,
        header,
        stage=operator.settings.stage,
        rows=operator.services.rows,
        rotation=operator.services.key_rotation,
        clock=operator.clock,
        trail=Trail(header, count, database=operator.database, services=operator.services),
    )
    if not into_nonempty:
        restorer.require_room()
    if dry_run:
        line = f"{file} is whole: {count} rows of the stage {header.stage}, {header.created_at}."
        operator.result([line], {"rows": count, **asdict(header)})
        return
    outcome = restorer.run(operator.report)
    operator.result(_summarize(outcome), outcome.to_document())


def _find_kms_key(operator: Operator, stage: str) -> str:
    """The ARN of a stage's KMS key; empty if there is no such stack, and so no alias, any more."""
    alias = replace(operator.settings, stage=stage).kms_key_alias
    try:
        return operator.services.key_rotation.get_kms_key_arn(alias)
    except KMSKeyNotFoundError:
        return ""


def _summarize(outcome: Restoration) -> list[str]:
    return [
        *(f"{table}: {count} rows" for table, count in sorted(outcome.added.items())),
        (
            f"{outcome.added.total()} rows restored, {outcome.there} were there already, "
            f"{outcome.expired} have expired, {outcome.rewrapped} data keys wrapped anew."
        ),
    ]

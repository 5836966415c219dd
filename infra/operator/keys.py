"""The commands about data keys."""

import uuid
from collections import Counter
from typing import Any

import click

from chalicelib.audit import Action, NewEvent, ObjectType, diff
from chalicelib.encryption.errors import KeyChangedError, ScopeNotFoundError
from chalicelib.encryption.models import DataKeyRecord, DataKeyStatus
from chalicelib.encryption.resealing import PAGE_SIZE, Resealing
from chalicelib.encryption.rotation import Begin, Values
from chalicelib.identity.models import OPERATOR
from chalicelib.storage import Transaction
from infra.operator.context import Operator, json_option, pass_operator

_MOST_SHOWN = 20
_ORGANIZATION = "organization:"
_page_size = click.option(
    "--page-size",
    type=click.IntRange(min=1),
    default=PAGE_SIZE,
    show_default=True,
    help="Rows for each read.",
)


@click.group()
def keys() -> None:
    """Data keys: which there are, and putting others in their place.

    A scope is `deployment`, or `organization:ID`.
    """


@keys.command("list")
@click.option("--no-values", is_flag=True, help="Do not count values: that reads all tables.")
@_page_size
@json_option
@pass_operator
def list_keys(operator: Operator, *, no_values: bool, page_size: int) -> None:
    """List data keys: scope, status, age, KMS key, how many values each seals and where."""
    rotation = operator.services.key_rotation
    values: Values | None = None
    if not no_values:
        values = rotation.count_values(operator.report, page_size)
    found = rotation.list_keys()
    lines = [line for each in found for line in _describe(operator, each, values)]
    if values:
        known = {each.key_id for each in found}
        lines += [
            f"WITHOUT A KEY RECORD: {_where(where)} of key {key_id}"
            for key_id, where in values.items()
            if key_id not in known
        ]
    operator.result(lines, [_to_document(each, values) for each in found])


@keys.command()
@click.option("--scope", metavar="SCOPE", help="Only this scope.")
@click.option("--all", "everything", is_flag=True, help="All scopes.")
@click.option("--older-than", type=click.IntRange(min=0), metavar="DAYS", default=0)
@json_option
@pass_operator
def rotate(operator: Operator, *, scope: str | None, everything: bool, older_than: int) -> None:
    """Make new active data keys; the former ones only open from now on.

    Functions that are running may seal with the former ones for five minutes more.
    """
    if bool(scope) == everything:
        raise click.UsageError("Give either --scope or --all.")
    rotation, made = operator.services.key_rotation, []
    active = [each for each in rotation.list_keys() if each.status is DataKeyStatus.ACTIVE]
    meant = [each for each in active if everything or each.scope == scope]
    if scope and not meant:
        raise ScopeNotFoundError(scope)
    for former in meant:
        if (operator.clock() - former.created_at).days < older_than:
            continue
        new = rotation.rotate(former, _recording(operator))
        made.append(new)
        operator.report(f"{new.scope}: {new.key_id} is active in place of {former.key_id}")
    operator.result(
        [f"{_number(len(made))} rotated. Run `keys reseal` in five minutes or later."],
        [_to_document(each, None) for each in made],
    )


@keys.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@_page_size
@json_option
@pass_operator
def reseal(operator: Operator, *, dry_run: bool, page_size: int) -> None:
    """Seal every stored value with its scope's active data key.

    It runs beside people. What was done stays done, whenever it stops; run it again then.
    """
    outcome = operator.services.resealer(dry_run=dry_run).run(operator.report, page_size)
    operator.result(_summarize(outcome, dry_run=dry_run), _outcome_document(outcome))
    if outcome.left:
        raise SystemExit(1)


@keys.command()
@click.option("--to", "kms_key", required=True, metavar="KMS-KEY", help="Its id, ARN or alias.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
@pass_operator
def move(operator: Operator, *, kms_key: str, dry_run: bool) -> None:
    """Let another KMS key wrap all data keys. No value is touched.

    Both KMS keys are needed, here and by the running functions; see docs/operations.md.
    """
    rotation = operator.services.key_rotation
    arn = rotation.get_kms_key_arn(kms_key)
    moved = there = changed = 0
    for record in rotation.list_keys():
        if not record.wrapped or record.kms_key == arn:
            there += 1
            continue
        try:
            moved += dry_run or rotation.move(record, arn, _recording(operator))
        except KeyChangedError:
            changed += 1
            continue
        operator.report(f"{record.scope}: {record.key_id} {'would be' if dry_run else 'is'} moved")
    lines = [
        (
            f"{moved} data keys {'would be ' if dry_run else ''}moved to {arn}, {there} were there "
            f"or are destroyed, {changed} changed meanwhile."
        )
    ]
    operator.result(lines, {"moved": moved, "there": there, "changed": changed, "kms_key": arn})
    if changed:
        raise SystemExit(1)


@keys.command()
@click.argument("key_id", metavar="KEY-ID", type=click.UUID)
@json_option
@pass_operator
def revoke(operator: Operator, *, key_id: uuid.UUID) -> None:
    """Let a data key open nothing any more, if nothing is sealed with it."""
    operator.services.key_rotation.revoke(key_id, operator.report, _recording(operator))
    operator.result([f"{key_id} is revoked."], {"id": str(key_id), "status": "revoked"})


@keys.command()
@click.argument("scope", metavar="organization:ID")
@click.option("--confirm", metavar="SCOPE", help="The scope once more, in place of being asked.")
@click.option("--dry-run", is_flag=True, help="Only say what would be lost.")
@json_option
@pass_operator
def destroy(operator: Operator, *, scope: str, confirm: str | None, dry_run: bool) -> None:
    """Destroy one organisation's data keys, and with them what they seal. FINAL.

    The tokens, header values and images of its people cannot be read any more by anybody.
    """
    rotation = operator.services.key_rotation
    ids = [each.key_id for each in rotation.list_scope(scope)]
    values = rotation.count_values(operator.report)
    lost = sum((values.get(each, Counter()) for each in ids), Counter[tuple[str, str]]())
    lines = [f"{scope}: {len(ids)} data keys, which seal {_where(lost)}."]
    if dry_run:
        operator.result(lines, {"scope": scope, "keys": len(ids), "values": lost.total()})
        return
    click.echo(lines[0], err=True)
    again = confirm or click.prompt("This is final. Type the scope again", err=True)
    if again != scope:
        raise click.ClickException("That is another scope. Nothing was destroyed.")
    organization_id = scope.removeprefix(_ORGANIZATION)
    event = OPERATOR.did(
        Action.DELETE,
        ObjectType.DATA_KEY,
        scope,
        diff({"data_keys": len(ids), "sealed_values": lost.total()}, {}),
        organization_id=organization_id,
    )
    # Before it happens: it takes many writes, and cannot be undone.
    operator.services.record(event)
    destroyed = rotation.destroy(scope)
    operator.result(
        [f"{destroyed} data keys of {scope} are destroyed."],
        {"scope": scope, "keys": destroyed, "values": lost.total()},
    )


def _recording(operator: Operator) -> Begin:
    """Begins a change's transaction with its audit event, for owners to read."""

    def begin(before: DataKeyRecord, after: DataKeyRecord) -> Transaction:
        return operator.services.transaction(_did_to_key(before, after))

    return begin


def _did_to_key(before: DataKeyRecord, after: DataKeyRecord) -> NewEvent:
    if before.key_id == after.key_id:
        action, changes = Action.UPDATE, diff(_snapshot(before), _snapshot(after))
    else:
        made = {"scope": after.scope, "in_place_of": str(before.key_id)}
        action, changes = Action.CREATE, diff({}, made)
    return OPERATOR.did(action, ObjectType.DATA_KEY, str(after.key_id), changes)


def _snapshot(record: DataKeyRecord) -> dict[str, str]:
    return {"status": record.status, "kms_key": record.kms_key}


def _describe(operator: Operator, record: DataKeyRecord, values: Values | None) -> list[str]:
    days = (operator.clock() - record.created_at).days
    kms_key = record.kms_key or ("?" if record.wrapped else "destroyed")
    lines = [f"{record.scope}  {record.key_id}  {record.status}  {days} days  {kms_key}"]
    if values is not None:
        lines.append(f"    {_where(values.get(record.key_id, Counter()))}")
    return lines


def _where(values: Counter[tuple[str, str]]) -> str:
    places = ", ".join(f"{n} in {table}.{name}" for (table, name), n in sorted(values.items()))
    return f"{values.total()} values" + (f": {places}" if places else "")


def _to_document(record: DataKeyRecord, values: Values | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": str(record.key_id),
        "scope": record.scope,
        "status": str(record.status),
        "created_at": record.created_at.isoformat(),
        "kms_key": record.kms_key,
    }
    if values is not None:
        document["values"] = _by_place(values.get(record.key_id, Counter()))
    return document


def _number(scopes: int) -> str:
    return "1 scope is" if scopes == 1 else f"{scopes} scopes are"


def _by_place(values: Counter[tuple[str, str]]) -> dict[str, int]:
    return {f"{table}.{name}": count for (table, name), count in sorted(values.items())}


def _summarize(outcome: Resealing, *, dry_run: bool) -> list[str]:
    done = "would be re-sealed" if dry_run else "re-sealed"
    lines = [
        (
            f"{outcome.looked_at} rows looked at: {outcome.resealed.total()} values {done}, "
            f"{outcome.current} sealed with the active keys already, {outcome.left} left."
        )
    ]
    if outcome.waiting:
        lines.append(f"{outcome.waiting} chunks of uploads under way; run it again in an hour.")
    if outcome.busy:
        lines.append(f"{outcome.busy} rows were written all the time; run it again.")
    lines += [f"unreadable: {each}" for each in outcome.unreadable[:_MOST_SHOWN]]
    return lines


def _outcome_document(outcome: Resealing) -> dict[str, Any]:
    return {
        "rows": outcome.looked_at,
        "resealed": _by_place(outcome.resealed),
        "current": outcome.current,
        "waiting": outcome.waiting,
        "busy": outcome.busy,
        "unreadable": outcome.unreadable,
    }

"""`make destroy STAGE=dev`: remove a stage's stack, and keep its data unless `DATA=delete` is said.

What is kept: the tables, the KMS key, the logs. Without the key every stored secret is lost, so it
goes last, and only 30 days later.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import stages
from infra.asking import confirm
from infra.cloudformation import DeploymentError, Template, find_stack, follow, known_events
from infra.deploy import Account, require_account, stack_of

_DAYS_UNTIL_THE_KEY_GOES = 30
_LONGEST_SECONDS = 3600
_KEEPING_COSTS = """
What is kept costs (us-east-1, on demand): tables $0.25 a GB and month, of which an account's first
25 GB are free, and $0.20 more for their recovery to a point in time; the key $1 a month; logs
$0.03 a GB and month.
"""


@dataclass(frozen=True)
class Data:
    """What a stage has stored, and what encrypts it."""

    tables: tuple[str, ...]
    log_groups: tuple[str, ...]
    key_arns: tuple[str, ...]


def main() -> None:
    """Destroy, as the variables say."""
    try:
        destroy_stage(os.environ)
    except DeploymentError as exc:
        sys.exit(f"Cannot destroy: {exc}")
    except (BotoCoreError, ClientError) as exc:
        sys.exit(f"Cannot destroy: AWS refuses: {exc}")


def destroy_stage(environment: Mapping[str, str]) -> None:
    """Remove a stage's stack, and with `DATA=delete` what is stored; asks before each.

    Raises:
        DeploymentError: the message says what is wrong.
    """
    stage = stages.require_stage(environment.get("STAGE", ""))
    fate = environment.get("DATA", "keep")
    if fate not in {"keep", "delete"}:
        raise DeploymentError("DATA is `keep` or `delete`.")
    account = require_account()
    client, stack = account.client("cloudformation"), stack_of(stage)
    data = list_data(account, stage)
    found = find_stack(client, stack)
    print(f"Account {account.id}, {account.region}, stage {stage}")
    _say_what_goes(stack if found else "", data, fate)
    if found is None and not (
        fate == "delete" and (data.tables or data.log_groups or data.key_arns)
    ):
        print("Nothing to destroy.")
        return
    if not confirm("Destroy it?", stage):
        print("Nothing was changed.")
        return
    agreed = fate == "delete" and _confirm_deletion(stage, data)
    if fate == "delete" and not agreed:
        print("Nothing was changed.")
        return
    if found:
        _delete_stack(client, found)
    if agreed:
        delete_data(account, data)
    else:
        print(_KEEPING_COSTS)


def list_data(account: Account, stage: str) -> Data:
    """What is stored for a stage, found by its names, so that a stack need not be there."""
    dynamodb, logs = account.client("dynamodb"), account.client("logs")
    named = re.compile(rf"ciborium-{stage}-[a-z]+")
    tables = [
        name
        for page in dynamodb.get_paginator("list_tables").paginate()
        for name in page["TableNames"]
        if named.fullmatch(name)
    ]
    groups = [
        each["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for each in page["logGroups"]
        if any(named.fullmatch(part) for part in each["logGroupName"].split("/"))
    ]
    return Data(tuple(tables), tuple(groups), tuple(_find_keys(account.client("kms"), stage)))


def _find_keys(kms: Any, stage: str) -> Iterator[str]:
    """The keys that a stage's stacks have made, by what `infra/data.yaml` says they are for."""
    ours = f"Wraps the data keys of ciborium-{stage},"
    for page in kms.get_paginator("list_keys").paginate():
        for each in page["Keys"]:
            try:
                about = kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"]
            except ClientError as exc:
                if exc.response["Error"]["Code"] != "AccessDeniedException":
                    raise
                continue  # Somebody else's; our own key's policy lets the account look at it.
            if about["Description"].startswith(ours) and about["KeyState"] != "PendingDeletion":
                yield about["Arn"]


def delete_data(account: Account, data: Data) -> None:
    """Delete tables and logs, and let the key go in 30 days.

    Raises:
        ClientError: AWS refuses something; what was deleted is gone, the rest can be tried again.
    """
    dynamodb = account.client("dynamodb")
    for name in data.tables:
        if dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            dynamodb.get_waiter("table_exists").wait(TableName=name)
        dynamodb.delete_table(TableName=name)
        print(f"  deleted {name}")
    logs = account.client("logs")
    for name in data.log_groups:
        logs.delete_log_group(logGroupName=name)
        print(f"  deleted {name}")
    for name in data.tables:  # While a table is there, it still needs the key.
        dynamodb.get_waiter("table_not_exists").wait(TableName=name)
    for arn in data.key_arns:
        _let_key_go(account.client("kms"), arn)


def _let_key_go(kms: Any, arn: str) -> None:
    kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=_DAYS_UNTIL_THE_KEY_GOES)
    print(
        f"  {arn} goes in {_DAYS_UNTIL_THE_KEY_GOES} days; until then it can be saved:\n"
        f"  aws kms cancel-key-deletion --key-id {arn}"
    )


def _say_what_goes(stack: str, data: Data, fate: str) -> None:
    if stack:
        print(f"The stack {stack} goes: functions, APIs, queues, roles, alarms.")
    stored = [*data.tables, *data.log_groups, *data.key_arns]
    if stored:
        print("\nDELETED WITH ALL THAT IS IN THEM:" if fate == "delete" else "\nKept:")
        for each in stored:
            print(f"  {each}")


def _confirm_deletion(stage: str, data: Data) -> bool:
    question = (
        f"{len(data.tables)} tables and {len(data.log_groups)} logs would be deleted. There is no "
        "way back but a backup (docs/operations.md)."
    )
    return confirm(question, f"delete {stage}", "CONFIRM_DATA")


def _delete_stack(client: Any, stack: Template) -> None:
    arn = stack["StackId"]  # By its name a deleted stack is not found any more.
    seen = known_events(client, arn)
    client.delete_stack(StackName=stack["StackName"])
    follow(client, arn, print, seen=seen, give_up_seconds=_LONGEST_SECONDS)
    print(f"The stack {stack['StackName']} is gone.")


if __name__ == "__main__":
    main()

"""Change sets: what a deployment would do, and doing it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.cloudformation import DeploymentError, Template, find_stack
from infra.stages import Parameters
from infra.template import tags_of

_CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_PREPARED_WITHIN_SECONDS = 600
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_PROPOSED = "REVIEW_IN_PROGRESS"
_KEPT = {"Retain", "RetainExceptOnCreate", "Snapshot"}


@dataclass(frozen=True)
class Change:
    """What would become of one resource.

    Attributes:
        action: `Add`, `Modify`, `Remove`, or what else CloudFormation says.
        name: what the template calls it.
        type: such as `AWS::DynamoDB::Table`.
        replacement: whether it would be made anew: `True`, `Conditional`, or something else.
        causes: the properties that differ.
        policy: what becomes of the old one, such as `Retain`.
    """

    action: str
    name: str
    type: str
    replacement: str = ""
    causes: tuple[str, ...] = ()
    policy: str = ""

    @property
    def warning(self) -> str:
        """What somebody must know before they agree; empty for nothing."""
        if self.action == "Remove":
            return "REMOVED FROM THE STACK, kept" if self.policy in _KEPT else "REMOVED"
        if self.replacement == "True":
            return "REPLACED: a new and empty one in its place"
        if self.replacement == "Conditional":
            return "MAY BE REPLACED"
        return ""


@dataclass(frozen=True)
class ChangeSet:
    """Changes that CloudFormation is ready to make."""

    stack: str
    arn: str
    changes: tuple[Change, ...]
    creates_stack: bool


def prepare(client: Any, stack: str, template_url: str, parameters: Parameters) -> ChangeSet | None:
    """Have CloudFormation work out what would change; None if nothing would.

    Raises:
        DeploymentError: it refuses the template or the parameters.
    """
    found = find_stack(client, stack)
    creates = found is None or found["StackStatus"] == _PROPOSED
    try:
        made = client.create_change_set(
            StackName=stack,
            ChangeSetName=f"ciborium-{time.time_ns()}",
            ChangeSetType="CREATE" if creates else "UPDATE",
            TemplateURL=template_url,
            Parameters=[
                *(
                    {"ParameterKey": name, "ParameterValue": value}
                    for name, value in parameters.values.items()
                ),
                *({"ParameterKey": name, "UsePreviousValue": True} for name in parameters.kept),
            ],
            Capabilities=_CAPABILITIES,
            Tags=tags_of(parameters.values["Stage"]),
        )
    except ClientError as exc:
        raise DeploymentError(f"CloudFormation refused the change set: {exc}") from exc
    described = _wait_until_prepared(client, made["Id"])
    if described["Status"] == "FAILED":
        client.delete_change_set(ChangeSetName=made["Id"])
        reason = described.get("StatusReason", "it gave no reason")
        if any(each in reason for each in _NOTHING):
            return None
        raise DeploymentError(f"CloudFormation cannot make the changes: {reason}")
    return ChangeSet(stack, made["Id"], tuple(_read_changes(client, made["Id"])), creates)


def execute(client: Any, change_set: ChangeSet) -> None:
    """Make the changes; `cloudformation.follow` waits until they are made.

    Raises:
        DeploymentError: they cannot be made any more.
    """
    try:
        client.execute_change_set(ChangeSetName=change_set.arn, StackName=change_set.stack)
    except ClientError as exc:
        raise DeploymentError(f"CloudFormation refused to begin: {exc}") from exc


def discard(client: Any, change_set: ChangeSet) -> None:
    """Leave everything as it is; of a stack that was only proposed nothing remains.

    Somebody else may have agreed to the same meanwhile: then it is theirs, and stays.
    """
    client.delete_change_set(ChangeSetName=change_set.arn)
    if change_set.creates_stack:
        found = find_stack(client, change_set.stack)
        if found and found["StackStatus"] == _PROPOSED:
            client.delete_stack(StackName=change_set.stack)


def describe(changes: Sequence[Change], say: Callable[[str], object]) -> None:
    """Print the changes as a table, with what removes or replaces something first."""
    ordered = sorted(changes, key=lambda each: (not each.warning, each.action, each.name))
    width = max(len(each.name) for each in ordered)
    types = max(len(each.type) for each in ordered)
    for each in ordered:
        mark = "!!" if each.warning else "  "
        causes = f"  ({', '.join(each.causes)})" if each.causes else ""
        warning = f"  {each.warning}" if each.warning else ""
        action = each.action.lower()
        say(f"{mark} {action:<7} {each.name:<{width}}  {each.type:<{types}}{warning}{causes}")
    counted = {each.action: 0 for each in ordered}
    for each in ordered:
        counted[each.action] += 1
    summary = ", ".join(f"{count} to {name.lower()}" for name, count in sorted(counted.items()))
    warned = sum(bool(each.warning) for each in ordered)
    say(f"\n{summary}." + (f" {warned} of them are marked with !!." if warned else ""))


def _wait_until_prepared(client: Any, arn: str) -> Template:
    give_up = time.monotonic() + _PREPARED_WITHIN_SECONDS
    while time.monotonic() < give_up:
        described: Template = client.describe_change_set(ChangeSetName=arn)
        if described["Status"] in {"CREATE_COMPLETE", "FAILED"}:
            return described
        time.sleep(0.5)
    raise DeploymentError(f"The change set was not ready after {_PREPARED_WITHIN_SECONDS} s.")


def _read_changes(client: Any, arn: str) -> list[Change]:
    found: list[Change] = []
    for page in client.get_paginator("describe_change_set").paginate(ChangeSetName=arn):
        found.extend(_read(each["ResourceChange"]) for each in page.get("Changes", ()))
    return found


def _read(change: Template) -> Change:
    targets = [each.get("Target", {}) for each in change.get("Details", ())]
    causes = {each.get("Name") or each.get("Attribute", "") for each in targets} - {""}
    return Change(
        action=change["Action"],
        name=change["LogicalResourceId"],
        type=change["ResourceType"],
        replacement=change.get("Replacement", ""),
        causes=tuple(sorted(causes)),
        policy=change.get("PolicyAction", ""),
    )

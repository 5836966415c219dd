"""Templates, and deploying them through CloudFormation: the same way locally and in AWS."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

INFRA = Path(__file__).resolve().parent
_POLL_SECONDS = 0.2
_LONGEST_POLL_SECONDS = 3.0  # CloudFormation throttles whoever asks all the time.
_GIVE_UP_SECONDS = 300
_DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"})
Template = dict[str, Any]


class DeploymentError(Exception):
    """CloudFormation refused or failed; the message says which resource and why."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, such as `!Ref` and `!GetAtt`."""


def _construct_intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> Template:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _construct_intrinsic)


def load_template(name: str) -> Template:
    """A template of this folder, in the long forms that JSON can hold."""
    # A subclass of SafeLoader: it makes plain values only.
    template: Template = yaml.load((INFRA / name).read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    return template


def load_json(path: Path) -> Template:
    """A template that was built before."""
    template: Template = json.loads(path.read_text(encoding="utf-8"))
    return template


def deploy(
    client: Any, stack: str, template: Template, parameters: dict[str, str]
) -> dict[str, str]:
    """Create a stack, or update it; returns its outputs.

    Raises:
        DeploymentError: CloudFormation refused or failed.
    """
    request = {
        "StackName": stack,
        "TemplateBody": json.dumps(template),
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
        "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    try:
        if find_stack(client, stack) is None:
            client.create_stack(**request)
        else:
            client.update_stack(**request)
    except ClientError as exc:
        if "No updates are to be performed" not in str(exc):
            raise DeploymentError(f"CloudFormation refused the stack {stack}: {exc}") from exc
    return _wait(client, stack)


def find_stack(client: Any, stack: str) -> Template | None:
    """What CloudFormation knows of a stack, or None.

    Raises:
        ClientError: it does not say. Whoever took that for no stack would forget its secrets.
    """
    try:
        found: Template = client.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as exc:
        if not _says_missing(exc):
            raise
        return None
    return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def _says_missing(error: ClientError) -> bool:
    return "does not exist" in str(error)


def outputs_of(stack: Template) -> dict[str, str]:
    """A described stack's outputs."""
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def parameters_of(stack: Template | None) -> dict[str, str]:
    """The parameters of a described stack; of secrets only asterisks."""
    given = stack.get("Parameters", []) if stack else []
    return {each["ParameterKey"]: each.get("ParameterValue", "") for each in given}


def known_events(client: Any, stack: str) -> set[str]:
    """The ids of what has happened to a stack so far.

    Raises:
        ClientError: CloudFormation does not say; what is old would be taken for news.
    """
    try:
        found = client.describe_stack_events(StackName=stack)["StackEvents"]
    except ClientError as exc:
        if not _says_missing(exc):
            raise
        return set()
    return {each["EventId"] for each in found}


def follow(
    client: Any,
    stack: str,
    say: Callable[[str], object],
    *,
    seen: set[str],
    give_up_seconds: float = _GIVE_UP_SECONDS,
) -> Template:
    """Wait until a stack is at rest again, and say what becomes of each resource.

    Args:
        client: CloudFormation's.
        stack: its name, or its ARN, by which a deleted one is still known.
        say: takes a line.
        seen: the ids of the events before; they are not said, and new ones are added.
        give_up_seconds: how long to wait.

    Returns:
        The stack.

    Raises:
        DeploymentError: something failed, or took too long.
    """
    give_up = time.monotonic() + give_up_seconds
    pause, began = _POLL_SECONDS, False  # At first it may still be at rest from the time before.
    while time.monotonic() < give_up:
        found: Template = client.describe_stacks(StackName=stack)["Stacks"][0]
        for event in reversed(client.describe_stack_events(StackName=stack)["StackEvents"]):
            if event["EventId"] not in seen:
                seen.add(event["EventId"])
                began = True
                _say_event(event, say)
        status = found["StackStatus"]
        if began and status in _DONE:
            return found
        if began and not status.endswith("IN_PROGRESS"):
            raise DeploymentError(f"The stack is {status}. {_failures(client, stack)}")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
    raise DeploymentError(
        f"The stack was not ready after {give_up_seconds:.0f} s; CloudFormation goes on."
    )


def _say_event(event: Template, say: Callable[[str], object]) -> None:
    status = event["ResourceStatus"]
    if status.endswith("IN_PROGRESS") and "ROLLBACK" not in status:
        return
    reason = f"  {event['ResourceStatusReason']}" if event.get("ResourceStatusReason") else ""
    say(f"  {status:<24} {event['LogicalResourceId']}  {event['ResourceType']}{reason}")


def _wait(client: Any, stack: str) -> dict[str, str]:
    give_up = time.monotonic() + _GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        found = find_stack(client, stack)
        status = found["StackStatus"] if found else "missing"
        if found and status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return outputs_of(found)
        if not status.endswith("IN_PROGRESS"):
            raise DeploymentError(f"The stack {stack} is {status}. {_failures(client, stack)}")
        time.sleep(_POLL_SECONDS)
    raise DeploymentError(f"The stack {stack} was not ready after {_GIVE_UP_SECONDS} s.")


def _failures(client: Any, stack: str) -> str:
    events = client.describe_stack_events(StackName=stack)["StackEvents"]
    return " ".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}."
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
    )

"""Templates, and deploying them through CloudFormation: the same way locally and in AWS."""

import json
import time
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

INFRA = Path(__file__).resolve().parent
_POLL_SECONDS = 0.2
_GIVE_UP_SECONDS = 300
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
    """What CloudFormation knows of a stack, or None."""
    try:
        found: Template = client.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError:
        return None
    return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def _wait(client: Any, stack: str) -> dict[str, str]:
    give_up = time.monotonic() + _GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        found = find_stack(client, stack)
        status = found["StackStatus"] if found else "missing"
        if found and status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
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

"""`make deploy STAGE=prod`: package, show what would change, ask, change it.

Variables: `STAGE`; `PACKAGE`, the id or folder of a package that shall be deployed instead of the
work tree; `ARTIFACT_BUCKET`; `ARCHITECTURE`; `CONFIRM=yes` where nobody can be asked. AWS is found
as every AWS program finds it: by its credentials, region and `AWS_ENDPOINT_URL`.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from infra import changes, package, stages
from infra.asking import confirm
from infra.changes import ChangeSet
from infra.cloudformation import (
    DeploymentError,
    Template,
    find_stack,
    follow,
    known_events,
    outputs_of,
    parameters_of,
)
from infra.releases import Bucket, Package, read_package
from infra.stages import Parameters
from infra.template import ARCHITECTURES, functions, release

_PACKAGE_ID = re.compile(r"[0-9a-f]{16}")
_LONGEST_SECONDS = 3600


@dataclass(frozen=True)
class Account:
    """An AWS account and region, and clients for it."""

    id: str
    partition: str
    region: str
    client: Callable[[str], Any]

    def bucket(self, name: str = "") -> Bucket:
        """The artifact bucket."""
        return Bucket(self.client("s3"), self.id, self.region, name, self.partition)


def require_account() -> Account:
    """Whose credentials these are.

    Raises:
        DeploymentError: there are none, or no region.
    """
    session = botocore.session.get_session()
    region = session.get_config_variable("region")
    if not region:
        raise DeploymentError("say which region: export AWS_REGION=eu-central-1.")
    try:
        sts: Any = session.create_client("sts", region_name=region)
        arn = sts.get_caller_identity()["Arn"]
    except (BotoCoreError, ClientError) as exc:
        raise DeploymentError(f"AWS does not know who you are: {exc}") from exc
    _, partition, _, _, account, _ = arn.split(":", 5)
    make = partial(session.create_client, region_name=region)
    return Account(account, partition, region, cache(make))


def stack_of(stage: str) -> str:
    """What a stage's stack is called."""
    return f"ciborium-{stage}"


def main() -> None:
    """Deploy, as the variables say."""
    try:
        deploy_stage(os.environ)
    except (DeploymentError, package.PackageError) as exc:
        sys.exit(f"Cannot deploy: {exc}")
    except (BotoCoreError, ClientError) as exc:
        sys.exit(f"Cannot deploy: AWS refuses: {exc}")


def deploy_stage(environment: Mapping[str, str]) -> None:
    """Deploy a stage, asking before anything changes.

    Raises:
        DeploymentError, PackageError: the message says what is wrong.
    """
    stage = stages.require_stage(environment.get("STAGE", ""))
    account = require_account()
    print(f"Account {account.id}, {account.region}, stack {stack_of(stage)}")
    bucket = account.bucket(environment.get("ARTIFACT_BUCKET", ""))
    if not bucket.exists():
        question = f"There is no bucket {bucket.name} for packages. Make a private one?"
        if not confirm(question, "yes"):
            raise DeploymentError("without a bucket nothing can be deployed.")
        bucket.create()
    chosen = _choose_package(environment, bucket)
    bucket.store(chosen)
    print(f"Package {chosen.id} ({len(chosen.archive) / 1e6:.1f} MB) is in {bucket.name}")
    before = _deployed_package(account, stage)
    if before is None:
        _check_no_leftovers(account, stage, chosen)
    outputs = _deploy_once(account, bucket, chosen, stage, environment)
    if outputs and _lacks_address(account, stage):
        print("\nThe address is known now; the functions must know it too.")
        found = {"PARAMETER_PublicURL": outputs["EndpointURL"].rstrip("/")}
        outputs = _deploy_once(account, bucket, chosen, stage, {**environment, **found})
    if outputs:
        _say_what_next(stage, outputs, before, chosen)
        stack = find_stack(account.client("cloudformation"), stack_of(stage))
        if not parameters_of(stack).get("AlarmEmail"):
            print(
                f"\nNobody is told of alarms: put AlarmEmail into infra/stages/{stage}.json, or "
                "subscribe to AlarmTopicARN yourself."
            )


def roll_out(
    account: Account,
    bucket: Bucket,
    chosen: Package,
    stage: str,
    parameters: Parameters,
    agree: Callable[[ChangeSet], bool],
    say: Callable[[str], object] = print,
) -> dict[str, str] | None:
    """Deploy a package that the bucket has.

    Returns:
        The stack's outputs, or None if somebody did not agree.

    Raises:
        DeploymentError: CloudFormation refused or failed.
    """
    client, stack = account.client("cloudformation"), stack_of(stage)
    template = chosen.template
    for function in functions(template):
        function["CodeUri"] = bucket.archive_of(chosen.id)
    given = Parameters(release(template, chosen.archive, parameters.values), kept=parameters.kept)
    url = bucket.put_template(stage, template)
    prepared = changes.prepare(client, stack, url, given)
    if prepared is None:
        say("Nothing to change.")
        found = find_stack(client, stack)
        return outputs_of(found or {})
    if not agree(prepared):
        changes.discard(client, prepared)
        return None
    seen = known_events(client, stack)
    changes.execute(client, prepared)
    done = follow(client, stack, say, seen=seen, give_up_seconds=_LONGEST_SECONDS)
    return outputs_of(done)


def _deploy_once(
    account: Account,
    bucket: Bucket,
    chosen: Package,
    stage: str,
    environment: Mapping[str, str],
) -> dict[str, str] | None:
    deployed = parameters_of(find_stack(account.client("cloudformation"), stack_of(stage)))
    parameters = stages.load_parameters(stage, chosen.template, environment, deployed=deployed)

    def agree(prepared: ChangeSet) -> bool:
        print(f"\nWhat would change in {prepared.stack}:\n")
        changes.describe(prepared.changes, print)
        print()
        return confirm("Make these changes?", "yes")

    outputs = roll_out(account, bucket, chosen, stage, parameters, agree)
    if outputs is None:
        print("Nothing was changed.")
    return outputs


def _choose_package(environment: Mapping[str, str], bucket: Bucket) -> Package:
    wanted = environment.get("PACKAGE", "")
    if _PACKAGE_ID.fullmatch(wanted):
        return bucket.load(wanted)
    if wanted:
        return read_package(Path(wanted))
    print("Packaging the work tree …", flush=True)
    package.build(environment.get("ARCHITECTURE") or ARCHITECTURES[0])
    return read_package(package.BUILD)


def _deployed_package(account: Account, stage: str) -> str | None:
    """The id of the package that is deployed; empty if it cannot be told, None without a stack."""
    client, stack = account.client("cloudformation"), stack_of(stage)
    found = find_stack(client, stack)
    if found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS":
        return None
    if found["StackStatus"] == "ROLLBACK_COMPLETE":
        raise DeploymentError(
            f"the first deployment of {stack} failed, and CloudFormation can only delete what is "
            f"left of it. Do that with `make destroy STAGE={stage} DATA=delete`: nobody has used "
            "it yet. Then deploy again."
        )
    body = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    match = re.search(r"/packages/([0-9a-f]{16})/", str(body))
    return match.group(1) if match else ""


def _check_no_leftovers(account: Account, stage: str, chosen: Package) -> None:
    """A stack cannot be made beside tables of the same names that an earlier one has left."""
    client, there = account.client("dynamodb"), []
    for name in tables_of(chosen.template, stage):
        try:
            client.describe_table(TableName=name)
        except ClientError:
            continue
        there.append(name)
    if there:
        raise DeploymentError(
            f"the stack is not there, but {', '.join(there)} are, as `make destroy` keeps them. "
            "Deploy under another stage's name and take their rows over, as docs/operations.md "
            "says (`Use again what was kept`), or delete them (`make destroy DATA=delete`)."
        )


def tables_of(template: Template, stage: str) -> list[str]:
    """What the tables of a stage are called."""
    return [
        each["Properties"]["TableName"]["Fn::Sub"].replace("${Stage}", stage)
        for each in template["Resources"].values()
        if each["Type"] == "AWS::DynamoDB::Table"
    ]


def _lacks_address(account: Account, stage: str) -> bool:
    """Whether the functions do not know the address that was made for them."""
    deployed = parameters_of(find_stack(account.client("cloudformation"), stack_of(stage)))
    return deployed.get("PublicURL") == stages.UNKNOWN_URL


def _say_what_next(
    stage: str, outputs: Mapping[str, str], before: str | None, chosen: Package
) -> None:
    print("\nDeployed. The stack's outputs:\n")
    width = max(map(len, outputs))
    for name, value in sorted(outputs.items()):
        print(f"  {name:<{width}}  {value}")
    if before is None:
        url = outputs.get("CallbackBase") or outputs["EndpointURL"].rstrip("/")
        print(
            "\nMake the first admin (docs/operations.md):\n\n"
            f"  export CIBORIUM_STAGE={stage} CIBORIUM_PUBLIC_URL={url}\n"
            "  (umask 077 && openssl rand -base64 33 > ~/admin-token)\n"
            "  .venv/bin/python -m infra.operator first-admin < ~/admin-token"
        )
    elif before and before != chosen.id:
        print(f"\nTo go back: make deploy STAGE={stage} PACKAGE={before}")


if __name__ == "__main__":
    main()

"""`make deploy-local`: the packaged Lambdas, deployed through CloudFormation to a local AWS.

The zip and the template are those that would go to AWS. Requests pass ministack's API Gateway,
hints its queue, and all run in real Lambda processes.
"""

import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from chalicelib.config import Settings
from infra import package
from infra.cloudformation import DeploymentError
from infra.deploy import Account, roll_out
from infra.local.aws import REGION, LocalAWS, LocalAWSError
from infra.operator.first_admin import ensure_first_admin
from infra.releases import Bucket, Package, read_package
from infra.stages import UNKNOWN_URL, Parameters

_STAGE = "local"
_ACCOUNT = "000000000000"
_ANY_LOOPBACK = "127.0.0.0/8,::1/128"


@dataclass(frozen=True)
class DeployedStack:
    """A deployment on the local AWS, reached through its API Gateway."""

    url: str
    admin_token: str = field(repr=False)
    organization_id: str
    aws: LocalAWS


@contextmanager
def deployed_stack(state: Path) -> Iterator[DeployedStack]:
    """Deploy what `make package` built, and take it down in the end.

    Raises:
        LocalAWSError, DeploymentError: something did not start; the message says what.
    """
    aws = LocalAWS(state)
    try:
        aws.start()
        yield deploy_to(aws)
    finally:
        aws.stop()


def deploy_to(aws: LocalAWS) -> DeployedStack:
    """Deploy in two steps: only after the first is API Gateway's own address known."""
    account = Account(_ACCOUNT, "aws", REGION, aws.client)
    bucket, chosen = account.bucket(), read_package(package.BUILD)
    bucket.create()
    bucket.store(chosen)
    outputs = _deploy(account, bucket, chosen, UNKNOWN_URL)
    url = f"{aws.endpoint}/restapis/{outputs['RestAPIId']}/api/_user_request_"
    sockets = aws.endpoint.replace("http", "ws", 1)
    stream_url = f"{sockets}/_aws/execute-api/{outputs['FollowAPIId']}/api"
    _deploy(account, bucket, chosen, url, stream_url)
    token = "ciborium_" + secrets.token_urlsafe(32)
    os.environ.update(aws.environment())
    settings = Settings.from_environment({"CIBORIUM_STAGE": _STAGE, "CIBORIUM_PUBLIC_URL": url})
    admin = ensure_first_admin(settings, token)
    return DeployedStack(url, token, admin.organization_id, aws)


def _deploy(
    account: Account, bucket: Bucket, chosen: Package, public_url: str, stream_url: str = ""
) -> dict[str, str]:
    parameters = {
        "Stage": _STAGE,
        "PublicURL": public_url,
        "StreamURL": stream_url,
        "AllowedPrivateCIDRs": _ANY_LOOPBACK,
        "DeletionProtection": "false",
    }
    outputs = roll_out(
        account, bucket, chosen, _STAGE, Parameters(parameters), lambda _: True, lambda _: None
    )
    return outputs or {}


def main() -> None:
    """Package, deploy, print where it is, and wait."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        package.build()
        with (
            tempfile.TemporaryDirectory() as state,
            deployed_stack(Path(state)) as stack,
        ):
            print(f"\n  Ciborium    {stack.url}\n  Admin       {stack.admin_token}\n", flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        print("Stopped.")
    except (package.PackageError, LocalAWSError, DeploymentError) as exc:
        sys.exit(f"Cannot deploy: {exc}")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

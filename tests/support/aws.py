"""AWS in process: moto, with the tables, the key and the queue of the real template."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.loaders import create_loader
from moto.core.botocore_stubber import BotocoreStubber
from moto.kms.models import kms_backends
from moto.kms.utils import generate_private_key

DATA_TEMPLATE = Path(__file__).parents[2] / "infra" / "data.yaml"
REGION = "us-east-1"
STAGE = "test"


def make_writes_atomic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let moto answer one request after the other.

    It checks a write's condition in one step and writes in another; of two threads both would win.
    """
    process_request, lock = BotocoreStubber.process_request, threading.RLock()

    def process_alone(stubber: BotocoreStubber, request: Any) -> Any:
        with lock:
            return process_request(stubber, request)

    monkeypatch.setattr(BotocoreStubber, "process_request", process_alone)


# Of this process: in `spare_time`, each test would begin with an empty cache.
_generate_private_key_once = cache(generate_private_key)
_create_loader_once = cache(create_loader)


def spare_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let moto make one RSA key and botocore read its data once, not for each test again.

    moto makes the private key of a symmetric KMS key too, which none of our calls ever uses.
    """
    monkeypatch.setattr("moto.kms.models.generate_private_key", _generate_private_key_once)
    monkeypatch.setattr("botocore.session.create_loader", _create_loader_once)


def create_stack(stage: str = STAGE) -> None:
    """Create what `infra/data.yaml` describes, through CloudFormation."""
    client("cloudformation").create_stack(
        StackName=f"ciborium-{stage}",
        TemplateBody=DATA_TEMPLATE.read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": "Stage", "ParameterValue": stage}],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    # moto keeps a key policy that comes through CloudFormation as an object, and then cannot
    # describe the key.
    kms = client("kms")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for key in kms.list_keys()["Keys"]:
        kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy)


def client(service: str, config: Config | None = None) -> Any:
    """A botocore client of the in-process AWS."""
    return _session().create_client(service, region_name=REGION, config=config)


@cache
def _session() -> Any:
    """One for all tests: it keeps the service models that it has read."""
    return botocore.session.get_session()


def lose_table(table: str) -> None:
    """Delete a table, whatever protects it."""
    name, dynamodb = f"ciborium-{STAGE}-{table}", client("dynamodb")
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=name)


def lose_kms_key(arn: str) -> None:
    """Forget a KMS key: moto's disabled and deleted ones go on decrypting."""
    account_id = arn.split(":")[4]
    del kms_backends[account_id][REGION].keys[arn.rpartition("/")[2]]


class CallCounter:
    """Counts calls to AWS where botocore sends them, retries included.

    Attributes:
        refuse_after: how many more calls are let through; the others are refused. None lets all.
        meanwhile: what somebody else does right before the next transaction is sent, once.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.refuse_after: int | None = None
        self.meanwhile: Callable[[], object] | None = None

    def watch(self, aws_client: Any) -> None:
        """Count this client's calls from now on."""
        service = aws_client.meta.service_model.service_name
        aws_client.meta.events.register(f"before-send.{service}", self._count)
        aws_client.meta.events.register(f"before-call.{service}", self._refuse)

    def _count(self, request: Any, event_name: str, **_: Any) -> None:
        self.calls[event_name.removeprefix("before-send.")] += 1

    def _refuse(self, event_name: str, **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        """An answer in place of AWS's, which botocore does not try to get again."""
        somebody_acts = self.meanwhile
        if somebody_acts and event_name.endswith(".TransactWriteItems"):
            self.meanwhile = None
            somebody_acts()
        if self.refuse_after is None:
            return None
        self.refuse_after -= 1
        if self.refuse_after >= 0:
            return None
        error = {"Code": "AccessDeniedException", "Message": "refused by a test"}
        return AWSResponse("", 400, HTTPHeaders(), None), {"Error": error}

    def reset(self) -> None:
        """Start again from nothing."""
        self.calls.clear()

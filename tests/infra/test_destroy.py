"""What `make destroy` finds and deletes, whatever else is in the account."""

from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from infra.deploy import Account
from infra.destroy import Data, delete_data, list_data
from tests.support import aws

REFUSED = {"Error": {"Code": "AccessDeniedException", "Message": "not yours"}}


class Clients:
    """The clients of an account, and which calls were made that change tables."""

    def __init__(self) -> None:
        self.session = botocore.session.get_session()
        self.updates: list[str] = []
        self.forbidden_key = ""

    def client(self, service: str) -> Any:
        """A client whose calls are looked at."""
        made: Any = self.session.create_client(service, region_name=aws.REGION)
        made.meta.events.register("before-call.dynamodb.UpdateTable", self._note)
        made.meta.events.register("before-call.kms.DescribeKey", self._refuse)
        return made

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self.updates.append(str(params["body"]))

    def _refuse(self, params: dict[str, Any], **_: Any) -> tuple[AWSResponse, Any] | None:
        if self.forbidden_key and self.forbidden_key in str(params["body"]):
            return AWSResponse("", 400, HTTPHeaders(), None), REFUSED
        return None


@pytest.fixture
def clients(local_aws: None) -> Clients:
    return Clients()


def account_of(clients: Clients) -> Account:
    return Account("123456789012", "aws", aws.REGION, clients.client)


def test_a_key_of_somebody_else_that_may_not_be_looked_at_stops_nothing(clients: Clients) -> None:
    kms = clients.client("kms")
    clients.forbidden_key = kms.create_key()["KeyMetadata"]["KeyId"]
    ours = f"Wraps the data keys of ciborium-{aws.STAGE}, and encrypts its tables at rest."
    own = kms.create_key(Description=ours)["KeyMetadata"]["Arn"]
    found = list_data(account_of(clients), aws.STAGE)
    assert own in found.key_arns
    assert f"ciborium-{aws.STAGE}-keys" in found.tables


def test_protection_is_turned_off_only_where_it_is_on(clients: Clients) -> None:
    names = tuple(f"ciborium-{aws.STAGE}-{table}" for table in ("servers", "models"))
    dynamodb = clients.client("dynamodb")
    for name, protected in zip(names, (True, False), strict=True):
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=protected)
    clients.updates.clear()
    delete_data(account_of(clients), Data(names, (), ()))
    assert [names[0] in each for each in clients.updates] == [True]
    assert not {*names} & {*dynamodb.list_tables()["TableNames"]}

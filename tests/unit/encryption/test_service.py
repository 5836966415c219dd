import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.encryption import (
    DEPLOYMENT_SCOPE,
    EncryptionUnavailableError,
    Place,
    SealedValueError,
    Vault,
    organization_scope,
)
from chalicelib.encryption.fields import SERVER_API_KEY
from chalicelib.encryption.keys import KMSKeyring
from chalicelib.encryption.repository import DataKeyRepository
from chalicelib.encryption.service import CAPACITY
from chalicelib.storage import Database
from tests.support import aws
from tests.support.clock import FakeClock

PLACE = Place(SERVER_API_KEY, "server-1")


class Container:
    """One container: its own cache, over the shared tables and KMS key."""

    def __init__(self, kms: Callable[[], Any] | None = None, capacity: int = CAPACITY) -> None:
        self.clock = FakeClock()
        self.counter = aws.CallCounter()
        database = Database(lambda table: f"ciborium-{aws.STAGE}-{table}", aws.REGION)
        self.counter.watch(database.connection.client)
        client = aws.client("kms")
        self.counter.watch(client)
        keyring = KMSKeyring(kms or (lambda: client), f"alias/ciborium-{aws.STAGE}", aws.STAGE)
        self.vault = Vault(DataKeyRepository(database), keyring, self.clock, capacity)


@pytest.mark.usefixtures("local_aws")
def test_what_one_container_seals_another_opens() -> None:
    sealed = Container().vault.seal("secret", PLACE, DEPLOYMENT_SCOPE)
    assert Container().vault.open(sealed, PLACE) == "secret"


@pytest.mark.usefixtures("local_aws")
def test_a_warm_container_calls_neither_kms_nor_dynamodb() -> None:
    container = Container()
    sealed = container.vault.seal("secret", PLACE, DEPLOYMENT_SCOPE)
    container.counter.reset()
    for _ in range(100):
        container.vault.open(sealed, PLACE)
        container.vault.seal("another", PLACE, DEPLOYMENT_SCOPE)
    assert not container.counter.calls


@pytest.mark.usefixtures("local_aws")
def test_a_cold_container_opens_with_one_kms_call_and_one_read() -> None:
    sealed = Container().vault.seal("secret", PLACE, DEPLOYMENT_SCOPE)
    cold = Container()
    cold.vault.open(sealed, PLACE)
    assert cold.counter.calls == {"kms.Decrypt": 1, "dynamodb.GetItem": 1}


@pytest.mark.usefixtures("local_aws")
def test_an_unwrapped_key_is_forgotten_after_an_hour() -> None:
    container = Container()
    sealed = container.vault.seal("secret", PLACE, DEPLOYMENT_SCOPE)
    container.clock.advance(minutes=59)
    container.counter.reset()
    container.vault.open(sealed, PLACE)
    assert not container.counter.calls
    container.clock.advance(minutes=1)
    container.vault.open(sealed, PLACE)
    assert container.counter.calls["kms.Decrypt"] == 1


@pytest.mark.usefixtures("local_aws")
def test_each_organisation_has_a_data_key_of_its_own() -> None:
    vault = Container().vault
    scopes = [DEPLOYMENT_SCOPE, organization_scope("a"), organization_scope("b")]
    sealed = [vault.seal("secret", PLACE, scope) for scope in scopes]
    assert len({value[2:18] for value in sealed}) == 3
    assert all(vault.open(value, PLACE) == "secret" for value in sealed)


@pytest.mark.usefixtures("local_aws")
def test_containers_that_start_together_agree_on_one_active_key() -> None:
    containers = [Container() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        sealed = list(
            pool.map(lambda each: each.vault.seal("secret", PLACE, DEPLOYMENT_SCOPE), containers)
        )
    again = [each.vault.seal("secret", PLACE, DEPLOYMENT_SCOPE) for each in containers]
    assert len({value[2:18] for value in again}) == 1
    assert all(containers[0].vault.open(value, PLACE) == "secret" for value in sealed + again)


@pytest.mark.usefixtures("local_aws")
def test_an_empty_secret_is_not_sealed_and_not_set() -> None:
    vault = Container().vault
    assert vault.seal("", PLACE, DEPLOYMENT_SCOPE) == b""
    assert vault.open(b"", PLACE) == ""


@pytest.mark.usefixtures("local_aws")
def test_a_value_sealed_under_an_unknown_key_does_not_open() -> None:
    vault = Container().vault
    sealed = vault.seal("secret", PLACE, DEPLOYMENT_SCOPE)
    foreign = sealed[:2] + uuid.uuid4().bytes + sealed[18:]
    with pytest.raises(SealedValueError):
        vault.open(foreign, PLACE)


@pytest.mark.usefixtures("local_aws")
def test_a_data_key_record_moved_to_another_scope_does_not_unwrap() -> None:
    """KMS checks the encryption context, which names the scope and the key."""
    container = Container()
    sealed = container.vault.seal("secret", PLACE, organization_scope("a"))
    table = aws.client("dynamodb")
    name = f"ciborium-{aws.STAGE}-keys"
    key = uuid.UUID(bytes=sealed[2:18])
    table.update_item(
        TableName=name,
        Key={"PK": {"S": f"KEY#{key}"}, "SK": {"S": "record"}},
        UpdateExpression="SET #scope = :scope",
        ExpressionAttributeNames={"#scope": "scope"},
        ExpressionAttributeValues={":scope": {"S": DEPLOYMENT_SCOPE}},
    )
    with pytest.raises(SealedValueError):
        Container().vault.open(sealed, PLACE)


class FailingKMS:
    """A KMS that answers as it is told: for faults that moto cannot have."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**_: Any) -> Any:
            raise self._failure

        return call


FAILURES = [
    ClientError({"Error": {"Code": "ThrottlingException"}}, "Decrypt"),
    ClientError({"Error": {"Code": "AccessDeniedException"}}, "Decrypt"),
    ClientError({"Error": {"Code": "DisabledException"}}, "Decrypt"),
    EndpointConnectionError(endpoint_url="https://kms"),
]


@pytest.mark.usefixtures("local_aws")
@pytest.mark.parametrize("failure", FAILURES, ids=["throttled", "denied", "disabled", "cut off"])
def test_while_kms_is_out_of_reach_cached_keys_go_on_and_cold_ones_say_so(
    failure: Exception,
) -> None:
    healthy = aws.client("kms")
    now: list[Any] = [healthy]
    container = Container(kms=lambda: now[0])
    sealed = container.vault.seal("secret", PLACE, DEPLOYMENT_SCOPE)
    now[0] = FailingKMS(failure)
    container.clock.advance(minutes=59)
    assert container.vault.open(sealed, PLACE) == "secret"
    container.clock.advance(minutes=1)
    with pytest.raises(EncryptionUnavailableError, match="Encryption is unavailable"):
        container.vault.open(sealed, PLACE)
    now[0] = healthy
    assert container.vault.open(sealed, PLACE) == "secret"


@pytest.mark.usefixtures("local_aws")
def test_the_cache_of_unwrapped_keys_is_bounded() -> None:
    container = Container(capacity=3)
    first = container.vault.seal("secret", PLACE, organization_scope("0"))
    for number in range(1, 4):
        container.vault.seal("secret", PLACE, organization_scope(str(number)))
    container.counter.reset()
    assert container.vault.open(first, PLACE) == "secret"
    assert container.counter.calls["kms.Decrypt"] == 1

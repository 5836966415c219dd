"""What everything stands on: tables, encryption, the way out, the audit log."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from chalicelib import patience
from chalicelib.bootstrap.parts import part
from chalicelib.config import PublicURL, Settings
from chalicelib.patience import Stopwatch
from chalicelib.primitives import Clock, utc_now

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from chalicelib.audit import AuditRepository
    from chalicelib.aws_session import SharedSession
    from chalicelib.egress import Egress
    from chalicelib.encryption import Vault
    from chalicelib.encryption.keys import KMSKeyring
    from chalicelib.encryption.repository import DataKeyRepository
    from chalicelib.mcp_client.credentials import SignInTokens
    from chalicelib.storage import Database

_AWS_CONFIG: dict[str, Any] = {
    "connect_timeout": 1,
    "read_timeout": 3,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
_QUEUE_CONFIG: dict[str, Any] = {
    "connect_timeout": 1,
    "read_timeout": 2,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}
SOCKETS = "apigatewaymanagementapi"
# A step waits for nobody who follows it: what is not pushed at once, they find by themselves.
_PUSH_CONFIG: dict[str, Any] = {
    "connect_timeout": 1,
    "read_timeout": 2,
    "retries": {"total_max_attempts": 1},
}
_CONFIGS = {"sqs": _QUEUE_CONFIG, SOCKETS: _PUSH_CONFIG}


def limits_of(service: str) -> dict[str, Any]:
    """How long a client of a service waits, and how often it tries: botocore's `Config`."""
    return _CONFIGS.get(service, _AWS_CONFIG)


class Foundation:
    """The lowest parts; every keyword replaces one, in tests.

    Args:
        settings: what the environment decides.
        database: the tables.
        aws_client: gives a botocore client by the service's name.
        egress: the way out.
        clock: the time.
        pause: waits for so many seconds.
        sign_in_tokens: the tokens of people's sign-ins.
        listing_patience: for how many seconds a listing of many servers waits for the slowest.
        lease: how long a chat waits for a worker that gives no sign of life.
        stopwatch: measures how long AWS takes.
    """

    def __init__(  # noqa: PLR0913 -- each replaces one part
        self,
        settings: Settings,
        *,
        database: Database | None = None,
        aws_client: Callable[[str], Any] | None = None,
        egress: Egress | None = None,
        clock: Clock = utc_now,
        pause: Callable[[float], object] = time.sleep,
        sign_in_tokens: SignInTokens | None = None,
        listing_patience: float | None = None,
        lease: timedelta | None = None,
        stopwatch: Stopwatch = time.monotonic,
    ) -> None:
        self._settings = settings
        if database:
            self._database = database
        if egress:
            self._egress = egress
        self._aws_client = aws_client or cache(self._create_client)
        self._clock = clock
        self._pause = pause
        self._sign_in_tokens = sign_in_tokens
        self._given_patience = listing_patience
        self._given_lease = lease
        self._stopwatch = stopwatch

    def limited_patience(self) -> AbstractContextManager[None]:
        """Within it, all calls to AWS together may take no longer than a request waits."""
        return patience.limited(stopwatch=self._stopwatch)

    @property
    def stream_url(self) -> str:
        """Where chats are followed through sockets; empty for nowhere."""
        return self._settings.stream_url

    @property
    def public_url(self) -> PublicURL:
        """Where browsers reach this deployment."""
        return self._settings.public_url

    @part
    def _session(self) -> SharedSession:
        from chalicelib.aws_session import SharedSession

        return SharedSession()

    @part
    def _region(self) -> str:
        return self._session.get_config_variable("region") or "us-east-1"

    @part
    def _database(self) -> Database:
        from chalicelib.storage import Database

        return Database(self._settings.table_name, self._region, self._session)

    @part
    def _egress(self) -> Egress:
        from chalicelib.egress import Egress

        return Egress(self._settings.allowed_private_cidrs)

    @part
    def _listing_patience(self) -> float:
        from chalicelib.mcp_client.service import PATIENCE_SECONDS

        return PATIENCE_SECONDS if self._given_patience is None else self._given_patience

    @part
    def _lease(self) -> timedelta:
        from chalicelib.chats.states import LEASE

        return self._given_lease or LEASE

    @part
    def _keyring(self) -> KMSKeyring:
        from chalicelib.encryption.keys import KMSKeyring

        kms = partial(self._aws_client, "kms")
        return KMSKeyring(kms, self._settings.kms_key_alias, self._settings.stage)

    @part
    def _data_keys(self) -> DataKeyRepository:
        from chalicelib.encryption.repository import DataKeyRepository

        return DataKeyRepository(self._database)

    @part
    def _vault(self) -> Vault:
        from chalicelib.encryption import Vault

        return Vault(self._data_keys, self._keyring, self._clock)

    @part
    def _audit_retention(self) -> timedelta:
        return timedelta(days=self._settings.audit_retention_days)

    @part
    def _audit(self) -> AuditRepository:
        from chalicelib.audit import AuditRepository

        return AuditRepository(self._database, self._clock, self._audit_retention)

    def find_unreachable(self) -> list[str]:
        """The names of what we depend on and cannot reach."""
        from chalicelib.storage import StorageUnavailableError

        unreachable = []
        try:
            self._database.ping()
        except StorageUnavailableError:
            unreachable.append("DynamoDB")
        if not self._vault.is_reachable():
            unreachable.append("KMS")
        return unreachable

    def _create_client(self, service: str) -> Any:
        from botocore.config import Config

        config = Config(**limits_of(service))
        own = self._settings.stream_management_url if service == SOCKETS else None
        return self._session.create_client(
            service, region_name=self._region, config=config, endpoint_url=own
        )

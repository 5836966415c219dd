"""What everything stands on: tables, encryption, the way out, the audit log."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import cache, partial
from typing import Any

import botocore.session
from botocore.config import Config

from chalicelib import patience
from chalicelib.audit import AuditRepository
from chalicelib.bootstrap.parts import part
from chalicelib.chats.states import LEASE
from chalicelib.config import PublicURL, Settings
from chalicelib.egress import Egress
from chalicelib.encryption import Vault
from chalicelib.encryption.keys import KMSKeyring
from chalicelib.encryption.repository import DataKeyRepository
from chalicelib.mcp_client.credentials import SignInTokens
from chalicelib.mcp_client.service import PATIENCE_SECONDS
from chalicelib.patience import Stopwatch
from chalicelib.primitives import Clock, utc_now
from chalicelib.storage import Database, StorageUnavailableError

_AWS_CONFIG = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3}
)
_QUEUE_CONFIG = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
)
SOCKETS = "apigatewaymanagementapi"
# A step waits for nobody who follows it: what is not pushed at once, they find by themselves.
_PUSH_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
_CONFIGS = {"sqs": _QUEUE_CONFIG, SOCKETS: _PUSH_CONFIG}


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
        listing_patience: float = PATIENCE_SECONDS,
        lease: timedelta = LEASE,
        stopwatch: Stopwatch = time.monotonic,
    ) -> None:
        self._settings = settings
        self._session = botocore.session.get_session()
        self._region = self._session.get_config_variable("region") or "us-east-1"
        self._database = database or Database(settings.table_name, self._region)
        self._aws_client = aws_client or cache(self._create_client)
        self._egress = egress or Egress(settings.allowed_private_cidrs)
        self._clock = clock
        self._pause = pause
        self._sign_in_tokens = sign_in_tokens
        self._listing_patience = listing_patience
        self._lease = lease
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
    def _vault(self) -> Vault:
        settings = self._settings
        kms = partial(self._aws_client, "kms")
        keyring = KMSKeyring(kms, settings.kms_key_alias, settings.stage)
        return Vault(DataKeyRepository(self._database), keyring, self._clock)

    @part
    def _audit_retention(self) -> timedelta:
        return timedelta(days=self._settings.audit_retention_days)

    @part
    def _audit(self) -> AuditRepository:
        return AuditRepository(self._database, self._clock, self._audit_retention)

    def find_unreachable(self) -> list[str]:
        """The names of what we depend on and cannot reach."""
        unreachable = []
        try:
            self._database.ping()
        except StorageUnavailableError:
            unreachable.append("DynamoDB")
        if not self._vault.is_reachable():
            unreachable.append("KMS")
        return unreachable

    def _create_client(self, service: str) -> Any:
        config = _CONFIGS.get(service, _AWS_CONFIG)
        own = self._settings.stream_management_url if service == SOCKETS else None
        return self._session.create_client(
            service, region_name=self._region, config=config, endpoint_url=own
        )

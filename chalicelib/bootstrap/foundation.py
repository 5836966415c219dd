"""What everything stands on: tables, encryption, the way out, the audit log."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.bootstrap.parts import part
from chalicelib.chats.states import LEASE
from chalicelib.config import PublicURL, Settings
from chalicelib.egress import Egress
from chalicelib.encryption import Vault
from chalicelib.encryption.keys import KMSKeyring
from chalicelib.encryption.repository import DataKeyRepository
from chalicelib.mcp_client.credentials import SignInTokens
from chalicelib.mcp_client.service import PATIENCE_SECONDS
from chalicelib.primitives import Clock, utc_now
from chalicelib.storage import Database, StorageUnavailableError

if TYPE_CHECKING:
    from chalicelib.encryption.resealing import Resealer
    from chalicelib.encryption.rotation import KeyRotation
    from chalicelib.storage.rows import Rows

_AWS_CONFIG = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
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

    @property
    def stream_url(self) -> str:
        """Where chats are followed through sockets; empty for nowhere."""
        return self._settings.stream_url

    @property
    def public_url(self) -> PublicURL:
        """Where browsers reach this deployment."""
        return self._settings.public_url

    @part
    def _keyring(self) -> KMSKeyring:
        kms = partial(self._aws_client, "kms")
        return KMSKeyring(kms, self._settings.kms_key_alias, self._settings.stage)

    @part
    def _data_keys(self) -> DataKeyRepository:
        return DataKeyRepository(self._database)

    @part
    def _vault(self) -> Vault:
        return Vault(self._data_keys, self._keyring, self._clock)

    @part
    def rows(self) -> "Rows":
        """The tables as DynamoDB has them, for the operator's program."""
        from chalicelib.storage.rows import Rows

        return Rows(self._database)

    @part
    def key_rotation(self) -> "KeyRotation":
        """The life of data keys, for the operator's program; no request is about it."""
        from chalicelib.encryption.rotation import KeyRotation

        return KeyRotation(self._data_keys, self._keyring, self.rows, self._clock)

    def resealer(self, *, dry_run: bool) -> "Resealer":
        """Puts values under the active data keys, for the operator's program."""
        from chalicelib.encryption.resealing import Resealer

        return Resealer(self.rows, self._vault, self._data_keys, self._clock, dry_run=dry_run)

    @part
    def _audit_retention(self) -> timedelta:
        return timedelta(days=self._settings.audit_retention_days)

    @part
    def _audit(self) -> AuditRepository:
        return AuditRepository(self._database, self._clock, self._audit_retention)

    def record(self, event: NewEvent) -> None:
        """Record what the operator's program does where no transaction can: before, in its own."""
        self._audit.transaction(event).commit()

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

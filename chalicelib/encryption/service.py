"""Sealing and opening secrets with data keys that KMS wraps and this container caches.

KMS calls follow the number of containers, not of secrets: the cache lives as long as the
container, and a warm request makes none.
"""

import threading
import uuid
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime, timedelta

from chalicelib.encryption.errors import (
    ActiveKeyExistsError,
    DataKeyRevokedError,
    SealedValueError,
)
from chalicelib.encryption.keys import KMSKeyring
from chalicelib.encryption.models import DataKey, DataKeyRecord, DataKeyStatus, Place
from chalicelib.encryption.repository import DataKeyRepository
from chalicelib.encryption.sealing import parse_key_id, seal, unseal
from chalicelib.primitives import Clock

CAPACITY = 1024  # Of the cache of unwrapped data keys: an entry is 32 bytes and what names them.
_UNWRAPPED_FOR = timedelta(hours=1)
_ACTIVE_FOR = timedelta(minutes=5)  # How long a rotation may go unnoticed; see `rotation.py`.


class Vault:
    """Seals and opens secrets; lives as long as the container and is safe for threads.

    Args:
        repository: the records of data keys.
        kms: wraps them.
        clock: the time.
        capacity: how many unwrapped data keys are remembered, those used last.
    """

    def __init__(
        self,
        repository: DataKeyRepository,
        kms: KMSKeyring,
        clock: Clock,
        capacity: int = CAPACITY,
    ) -> None:
        self._repository = repository
        self._kms = kms
        self._clock = clock
        self._capacity = capacity
        self._lock = threading.Lock()
        self._unwrapped: OrderedDict[uuid.UUID, tuple[DataKey, datetime]] = OrderedDict()
        self._active: dict[str, tuple[uuid.UUID, datetime]] = {}

    def seal(self, secret: str, place: Place, scope: str) -> bytes:
        """Encrypt a secret for its place, under the active data key of `scope`.

        An empty secret stays empty: there is nothing to hide, and nothing is flagged as set.

        Raises:
            EncryptionUnavailableError: the data key is not cached and KMS does not answer.
        """
        return self.seal_bytes(secret.encode(), place, scope)

    def open(self, sealed: bytes, place: Place) -> str:
        """Decrypt a sealed value at its place.

        Raises:
            SealedValueError: it was altered or moved.
            DataKeyRevokedError: its data key is revoked.
            EncryptionUnavailableError: the data key is not cached and KMS does not answer.
        """
        return self.open_bytes(sealed, place).decode()

    def seal_bytes(self, secret: bytes, place: Place, scope: str) -> bytes:
        """Encrypt what is no text; otherwise as `seal`."""
        if not secret:
            return b""
        with self._lock:
            key = self._active_key(scope)
        return seal(secret, key, place)

    def open_bytes(self, sealed: bytes, place: Place) -> bytes:
        """Decrypt what `seal_bytes` made; otherwise as `open`."""
        if not sealed:
            return b""
        with self._lock:
            key = self._key(parse_key_id(sealed))
        return unseal(sealed, key, place)

    def prepare(self, scope: str) -> None:
        """Have the active data key of `scope` at hand, so that sealing asks nobody for minutes.

        For whoever is about to get a secret that nobody else has, and that must not be lost.

        Raises:
            EncryptionUnavailableError: the data key is not cached and KMS does not answer.
        """
        with self._lock:
            self._active_key(scope)

    def is_reachable(self) -> bool:
        """Whether KMS answers; for `/readyz`."""
        return self._kms.is_reachable()

    def _active_key(self, scope: str) -> DataKey:
        known = self._active.get(scope)
        if known is not None and self._clock() - known[1] < _ACTIVE_FOR:
            with suppress(DataKeyRevokedError):  # Its whole scope was destroyed a moment ago.
                return self._key(known[0])
        key_id = self._repository.find_active_id(scope)
        key = self._key(key_id) if key_id is not None else self._make_first(scope)
        if len(self._active) >= self._capacity:
            self._active.clear()
        self._active[scope] = (key.key_id, self._clock())
        return key

    def _make_first(self, scope: str) -> DataKey:
        key_id = uuid.uuid4()
        key, wrapped = self._kms.generate(scope, key_id)
        try:
            self._repository.add_first(
                DataKeyRecord(
                    key_id, scope, wrapped.ciphertext, self._clock(), kms_key=wrapped.kms_key
                )
            )
        except ActiveKeyExistsError:
            winner = self._repository.find_active_id(scope)
            if winner is None:  # The refused write saw it a moment ago.
                raise
            return self._key(winner)
        self._remember(key)
        return key

    def _key(self, key_id: uuid.UUID) -> DataKey:
        cached = self._unwrapped.get(key_id)
        if cached is not None and self._clock() - cached[1] < _UNWRAPPED_FOR:
            self._unwrapped.move_to_end(key_id)
            return cached[0]
        record = self._repository.find(key_id)
        if record is None:
            raise SealedValueError
        if record.status is DataKeyStatus.REVOKED:
            raise DataKeyRevokedError
        key = self._kms.unwrap(record)
        self._remember(key)
        return key

    def _remember(self, key: DataKey) -> None:
        self._unwrapped[key.key_id] = (key, self._clock())
        self._unwrapped.move_to_end(key.key_id)
        while len(self._unwrapped) > self._capacity:
            self._unwrapped.popitem(last=False)

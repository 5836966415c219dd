"""Making and unwrapping data keys with KMS: the only place that talks to it."""

import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import patience
from chalicelib.encryption.errors import EncryptionUnavailableError, SealedValueError
from chalicelib.encryption.models import DataKey, DataKeyRecord


class KMSKeyring:
    """Wraps data keys under one KMS key, bound to their encryption context.

    Args:
        client: gives the botocore KMS client; called on first use, since most requests need none.
        key: the KMS key's id, ARN or alias.
        stage: part of the encryption context, so that stages cannot read one another's keys.
    """

    def __init__(self, client: Callable[[], Any], key: str, stage: str) -> None:
        self._client = client
        self._key = key
        self._stage = stage

    def generate(self, scope: str, key_id: uuid.UUID) -> tuple[DataKey, bytes]:
        """A new 256-bit data key, and the same wrapped (KMS `GenerateDataKey`).

        Raises:
            EncryptionUnavailableError: KMS throttles, denies or does not answer.
        """
        answer = self._call(
            "generate_data_key",
            KeyId=self._key,
            KeySpec="AES_256",
            EncryptionContext=self._encryption_context(scope, key_id),
        )
        return DataKey(key_id, answer["Plaintext"]), answer["CiphertextBlob"]

    def unwrap(self, record: DataKeyRecord) -> DataKey:
        """The data key of a stored record (KMS `Decrypt`).

        Raises:
            EncryptionUnavailableError: KMS throttles, denies or does not answer.
            SealedValueError: KMS says that the wrapped key is not one of its own.
        """
        answer = self._call(
            "decrypt",
            KeyId=self._key,
            CiphertextBlob=record.wrapped,
            EncryptionContext=self._encryption_context(record.scope, record.key_id),
        )
        return DataKey(record.key_id, answer["Plaintext"])

    def is_reachable(self) -> bool:
        """Whether KMS answers for our key (KMS `DescribeKey`)."""
        try:
            answer = self._call("describe_key", KeyId=self._key)
        except (EncryptionUnavailableError, SealedValueError):
            return False
        return bool(answer["KeyMetadata"]["Enabled"])

    def _encryption_context(self, scope: str, key_id: uuid.UUID) -> dict[str, str]:
        return {
            "application": "ciborium",
            "stage": self._stage,
            "scope": scope,
            "key_id": str(key_id),
        }

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            with patience.waiting(_unavailable()):
                answer: dict[str, Any] = getattr(self._client(), operation)(**arguments)
        except ClientError as exc:
            if exc.response.get("Error", {}).get("Code") == "InvalidCiphertextException":
                raise SealedValueError from exc
            raise _unavailable() from exc
        except BotoCoreError as exc:
            raise _unavailable() from exc
        return answer


def _unavailable() -> EncryptionUnavailableError:
    return EncryptionUnavailableError(
        "Encryption is unavailable: the key service did not answer or refused. Try again."
    )

"""Making and unwrapping data keys with KMS: the only place that talks to it."""

import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import patience
from chalicelib.aws_calls import note_failure
from chalicelib.encryption.errors import (
    EncryptionUnavailableError,
    KMSKeyNotFoundError,
    SealedValueError,
)
from chalicelib.encryption.models import DataKey, DataKeyRecord, Wrapped
from chalicelib.metrics import Metric, count

_NOT_THERE = frozenset({"InvalidArnException", "NotFoundException"})


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

    def generate(self, scope: str, key_id: uuid.UUID) -> tuple[DataKey, Wrapped]:
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
        wrapped = Wrapped(answer["CiphertextBlob"], answer["KeyId"])
        return DataKey(key_id, answer["Plaintext"]), wrapped

    def unwrap(self, record: DataKeyRecord) -> DataKey:
        """The data key of a stored record (KMS `Decrypt`).

        With the KMS key that wraps it, which while the keys are moved need not be the present one.
        Older records do not name theirs, so KMS finds it: it is in the ciphertext.

        Raises:
            EncryptionUnavailableError: KMS throttles, denies or does not answer.
            SealedValueError: KMS says that the wrapped key is not one of its own.
        """
        answer = self._call(
            "decrypt",
            **({"KeyId": record.kms_key} if record.kms_key else {}),
            CiphertextBlob=record.wrapped,
            EncryptionContext=self._encryption_context(record.scope, record.key_id),
        )
        return DataKey(record.key_id, answer["Plaintext"])

    def rewrap(self, record: DataKeyRecord, *, kms_key: str = "", from_stage: str = "") -> Wrapped:
        """The same data key, wrapped by another KMS key or for another stage (KMS `ReEncrypt`).

        KMS does it inside; the data key is not seen here.

        Args:
            record: as it is stored.
            kms_key: which shall wrap it; the deployment's own by default.
            from_stage: whose it was, if it comes from another deployment.

        Raises:
            EncryptionUnavailableError: KMS throttles, denies or does not answer.
            SealedValueError: KMS says that the wrapped key is not one of its own.
        """
        context = self._encryption_context(record.scope, record.key_id)
        answer = self._call(
            "re_encrypt",
            **({"SourceKeyId": record.kms_key} if record.kms_key else {}),
            CiphertextBlob=record.wrapped,
            SourceEncryptionContext={**context, "stage": from_stage or self._stage},
            DestinationKeyId=kms_key or self._key,
            DestinationEncryptionContext=context,
        )
        return Wrapped(answer["CiphertextBlob"], answer["KeyId"])

    def get_arn(self, kms_key: str = "") -> str:
        """The ARN of a KMS key by id, ARN or alias; of the deployment's own by default.

        Raises:
            KMSKeyNotFoundError: there is none.
            EncryptionUnavailableError: KMS throttles, denies or does not answer.
        """
        wanted = kms_key or self._key
        try:
            answer = self._call("describe_key", KeyId=wanted)
        except EncryptionUnavailableError as exc:
            if isinstance(exc.__cause__, ClientError) and _code_of(exc.__cause__) in _NOT_THERE:
                raise KMSKeyNotFoundError(wanted) from exc
            raise
        return str(answer["KeyMetadata"]["Arn"])

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
            return self._ask(operation, **arguments)
        except EncryptionUnavailableError:
            count(Metric.ENCRYPTION_FAILURES)
            raise

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            with patience.waiting(_unavailable()):
                answer: dict[str, Any] = getattr(self._client(), operation)(**arguments)
        except ClientError as exc:
            if _code_of(exc) == "InvalidCiphertextException":
                raise SealedValueError from exc
            note_failure(exc)
            raise _unavailable() from exc
        except BotoCoreError as exc:
            note_failure(exc)
            raise _unavailable() from exc
        return answer


def _code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _unavailable() -> EncryptionUnavailableError:
    return EncryptionUnavailableError(
        "Encryption is unavailable: the key service did not answer or refused. Try again."
    )

"""The idempotency table: `REQUEST#<digest>` / `answer`, which DynamoDB forgets after a day.

DynamoDB removes an expired item some time later, so every condition looks at the time itself.
"""

from datetime import datetime

from pynamodb.attributes import BinaryAttribute, TTLAttribute, UnicodeAttribute

from chalicelib.idempotency.errors import ClaimRefusedError, KeyInUseError
from chalicelib.idempotency.models import Claim, Record
from chalicelib.storage import Database, Item, Transaction, UTCDateTime
from chalicelib.storage.conditions import refusal_ignored, refused_as


class AnswerItem(Item):
    """A request under a key, and its answer once there is one."""

    user_id = UnicodeAttribute()
    fingerprint = UnicodeAttribute()
    holder = UnicodeAttribute()
    lease_until = UTCDateTime()
    answer = BinaryAttribute(legacy_encoding=False, null=True)
    created = UnicodeAttribute(null=True)
    expires_at = TTLAttribute()


class IdempotencyRepository:
    """Stores what requests were answered; never sees an answer in the clear."""

    def __init__(self, database: Database) -> None:
        self._answers = database.bind(AnswerItem, "idempotency")

    def claim(self, claim: Claim, now: datetime) -> None:
        """Take a key that is free: new, or past its day, or its holder has died before creating.

        Raises:
            ClaimRefusedError: it is not.
        """
        names = self._answers
        is_free = (
            names.absent()
            | (names.expires_at <= now)
            | (
                names.answer.does_not_exist()
                & names.created.does_not_exist()
                & (names.lease_until <= now)
            )
            # Ours already: botocore sends a write again when its answer was lost.
            | (names.holder == claim.holder)
        )
        item = self._answers(
            PK=_key(claim.record_id),
            SK="answer",
            user_id=claim.user_id,
            fingerprint=claim.fingerprint,
            holder=claim.holder,
            lease_until=claim.lease_until,
            expires_at=claim.expires_at,
        )
        with refused_as(ClaimRefusedError()):
            item.save(condition=is_free)

    def find(self, record_id: str) -> Record | None:
        """What is stored under a key."""
        item = self._answers.find(_key(record_id), "answer")
        if item is None:
            return None
        return Record(item.fingerprint, item.answer or b"", item.created or "", item.lease_until)

    def join(self, transaction: Transaction, claim: Claim, created: str) -> None:
        """Let a transaction through only while the claim holds, and note what it creates."""
        transaction.update(
            self._key_of(claim),
            [self._answers.created.set(created)],
            self._answers.holder == claim.holder,
            KeyInUseError(),
        )

    def complete(self, claim: Claim, sealed_answer: bytes) -> None:
        """Keep the answer.

        Raises:
            ClaimRefusedError: the lease ran out and another request has taken the key.
        """
        with refused_as(ClaimRefusedError()):
            self._key_of(claim).update(
                actions=[self._answers.answer.set(sealed_answer)],
                condition=self._answers.holder == claim.holder,
            )

    def release(self, claim: Claim, now: datetime) -> None:
        """Give the key back; nothing happens if it is lost.

        If something was created after all, the key goes on standing for that, and whoever comes
        next need not wait for the lease to hear of it.
        """
        names = self._answers
        try:
            with refused_as(ClaimRefusedError()):
                self._key_of(claim).delete(
                    condition=(names.holder == claim.holder) & names.created.does_not_exist()
                )
        except ClaimRefusedError:
            with refusal_ignored():
                self._key_of(claim).update(
                    actions=[names.lease_until.set(now)],
                    condition=(names.holder == claim.holder) & names.answer.does_not_exist(),
                )

    def _key_of(self, claim: Claim) -> AnswerItem:
        return self._answers(_key(claim.record_id), "answer")


def _key(record_id: str) -> str:
    return f"REQUEST#{record_id}"

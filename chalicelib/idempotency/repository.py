"""The idempotency table: `REQUEST#<digest>` / `answer`, which DynamoDB forgets after a day.

DynamoDB removes an expired item some time later, so every condition looks at the time itself.
"""

from datetime import datetime

from pynamodb.attributes import BinaryAttribute, TTLAttribute, UnicodeAttribute

from chalicelib.idempotency.errors import ClaimRefusedError
from chalicelib.idempotency.models import Claim, Record
from chalicelib.storage import Database, Item, UTCDateTime
from chalicelib.storage.conditions import refusal_ignored, refused_as


class AnswerItem(Item):
    """A request under a key, and its answer once there is one."""

    user_id = UnicodeAttribute()
    fingerprint = UnicodeAttribute()
    holder = UnicodeAttribute()
    lease_until = UTCDateTime()
    answer = BinaryAttribute(legacy_encoding=False, null=True)
    expires_at = TTLAttribute()


class IdempotencyRepository:
    """Stores what requests were answered; never sees an answer in the clear."""

    def __init__(self, database: Database) -> None:
        self._answers = database.bind(AnswerItem, "idempotency")

    def claim(self, claim: Claim, now: datetime) -> None:
        """Take a key that is free: new, or past its day, or its holder has died.

        Raises:
            ClaimRefusedError: it is not.
        """
        names = self._answers
        is_free = (
            names.absent()
            | (names.expires_at <= now)
            | (names.answer.does_not_exist() & (names.lease_until <= now))
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
        return None if item is None else Record(item.fingerprint, item.answer or b"")

    def complete(self, claim: Claim, sealed_answer: bytes) -> None:
        """Keep the answer.

        Raises:
            ClaimRefusedError: the lease ran out and another request has taken the key.
        """
        with refused_as(ClaimRefusedError()):
            self._answers(_key(claim.record_id), "answer").update(
                actions=[self._answers.answer.set(sealed_answer)],
                condition=self._answers.holder == claim.holder,
            )

    def release(self, claim: Claim) -> None:
        """Give the key back unused; nothing happens if it is lost."""
        with refusal_ignored():
            self._answers(_key(claim.record_id), "answer").delete(
                condition=self._answers.holder == claim.holder
            )


def _key(record_id: str) -> str:
    return f"REQUEST#{record_id}"

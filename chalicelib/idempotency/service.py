"""Serving a request once, however often it is sent (draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
import hmac
import json
import re
from dataclasses import asdict
from datetime import timedelta

from chalicelib.encryption import DEPLOYMENT_SCOPE, Place, Vault
from chalicelib.encryption.fields import IDEMPOTENT_ANSWER
from chalicelib.errors import CiboriumError
from chalicelib.idempotency.errors import (
    AnswerLostError,
    ClaimRefusedError,
    InvalidKeyError,
    KeyInUseError,
    KeyReusedError,
)
from chalicelib.idempotency.models import Answer, Claim, Request
from chalicelib.idempotency.repository import IdempotencyRepository
from chalicelib.logs import get_logger
from chalicelib.primitives import Clock, new_id
from chalicelib.storage import StorageUnavailableError, Transaction

_LONGEST_KEY = 255
_KEY = re.compile(rf"[\x21-\x7e]{{1,{_LONGEST_KEY}}}")
_REMEMBERED_FOR = timedelta(hours=24)
_LEASE = timedelta(seconds=60)  # Twice as long as a Lambda may take.
_MOST_BYTES = 350 * 1024  # A DynamoDB item holds 400 KB.


class IdempotencyService:
    """Remembers answers under keys for a day; lives as long as the container."""

    def __init__(self, repository: IdempotencyRepository, vault: Vault, clock: Clock) -> None:
        self._repository = repository
        self._vault = vault
        self._clock = clock

    def begin(self, request: Request) -> Claim | Answer:
        """Claim a request to serve it, or get the answer that it had before.

        Raises:
            InvalidKeyError: the key is empty, too long or not ASCII.
            KeyReusedError: the key came with another body before.
            KeyInUseError: the first request with the key is still being served.
            AnswerLostError: it has created something, and what it was answered is not known.
        """
        if not _KEY.fullmatch(request.key):
            raise InvalidKeyError(_LONGEST_KEY)
        claim = self._new_claim(request)
        try:
            self._repository.claim(claim, self._clock())
        except ClaimRefusedError:
            return self._earlier_answer(claim)
        except StorageUnavailableError:
            self.release(claim)  # It may have been taken, and nobody would use it.
            raise
        return claim

    def companion(self, claim: Claim) -> "ClaimCompanion":
        """What makes each change of the request depend on its claim."""
        return ClaimCompanion(self._repository, claim)

    def complete(self, claim: Claim, answer: Answer) -> None:
        """Keep the answer; never fails, since the request has been served by now."""
        try:
            text = json.dumps(asdict(answer))
            sealed = self._vault.seal(text, _place(claim), DEPLOYMENT_SCOPE)
            if len(sealed) <= _MOST_BYTES:
                self._repository.complete(claim, sealed)
                return
            problem = "answer_too_large"
        except CiboriumError as exc:
            problem = exc.code
        # A repeated request will read what was created, if anything was, or else be served again.
        get_logger().warning("An answer was not kept.", extra={"fields": {"code": problem}})

    def release(self, claim: Claim) -> None:
        """Let the request be served again, since it was not; never fails: the lease runs out."""
        try:
            self._repository.release(claim, self._clock())
        except CiboriumError as exc:
            get_logger().warning("A key was not given back.", extra={"fields": {"code": exc.code}})

    def _new_claim(self, request: Request) -> Claim:
        now = self._clock().replace(microsecond=0)  # DynamoDB's TTL knows no smaller unit.
        parts = (request.user_id, request.route, request.key)
        # The key is not stored, so nobody who reads the table can guess bodies by their digests.
        fingerprint = hmac.digest(request.key.encode(), request.body, "sha256").hex()
        return Claim(
            record_id=hashlib.sha256(json.dumps(parts).encode()).hexdigest(),
            user_id=request.user_id,
            fingerprint=fingerprint,
            holder=new_id(),
            lease_until=now + _LEASE,
            expires_at=now + _REMEMBERED_FOR,
        )

    def _earlier_answer(self, claim: Claim) -> Answer:
        record = self._repository.find(claim.record_id)
        if record is None:  # Given back this very moment.
            raise KeyInUseError
        if not hmac.compare_digest(record.fingerprint, claim.fingerprint):
            raise KeyReusedError
        if not record.sealed_answer:
            if record.created and record.lease_until <= self._clock():
                raise AnswerLostError(record.created)
            raise KeyInUseError
        return Answer(**json.loads(self._vault.open(record.sealed_answer, _place(claim))))


class ClaimCompanion:
    """Writes along with each change of a request under a key; implements `audit.ports.Companion`.

    So a request whose claim another has taken over changes nothing any more, and whoever comes
    after a crash learns that something was created.
    """

    def __init__(self, repository: IdempotencyRepository, claim: Claim) -> None:
        self._repository = repository
        self._claim = claim

    def join(self, transaction: Transaction, created: str) -> None:
        """Note in a transaction what it creates.

        Its refusal is a KeyInUseError: the lease ran out, and another request holds the key.
        """
        self._repository.join(transaction, self._claim, created)


def _place(claim: Claim) -> Place:
    return Place(IDEMPOTENT_ANSWER, claim.record_id, claim.user_id)

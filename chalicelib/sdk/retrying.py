"""When a request is made again, and after how long."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRIED_STATUSES = frozenset({429, 503})
# What gateways say when a long answer was cut off: for those who only wait for news.
GATEWAY_STATUSES = frozenset({502, 504})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a request is made again.

    Attributes:
        attempts: how often it is made at most; 1 means never again.
        first_wait: the longest wait before the second attempt, in seconds; it doubles each time.
        longest_wait: no wait is longer. A deployment that asks for more gets no further attempt.
        jitter: a number from 0 to 1, each time another, so that clients do not return in step.
        statuses: what is taken for a failure that passes.
    """

    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 20.0
    jitter: Callable[[], float] = random.random
    statuses: frozenset[int] = RETRIED_STATUSES

    def find_wait(self, attempt: int, retry_after: float | None = None) -> float | None:
        """How long to wait after the failed attempt of this number (from 1), or None to give up."""
        if attempt >= self.attempts or (retry_after or 0) > self.longest_wait:
            return None
        most = min(self.longest_wait, self.first_wait * 2.0 ** (attempt - 1))
        return max(retry_after or 0, most * self.jitter())

    def more_patient(self) -> "RetryPolicy":
        """The same for somebody who has all the time: a deployment may restart meanwhile."""
        statuses = self.statuses | GATEWAY_STATUSES
        return replace(self, attempts=3 * self.attempts, statuses=statuses)


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """The seconds that a `Retry-After` header asks for (RFC 9110 section 10.2.3), or None."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())

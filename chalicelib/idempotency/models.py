"""Requests that may come twice, and the answer that they get once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Request:
    """A request under an `Idempotency-Key`.

    Attributes:
        user_id: who makes it; nobody else's key is the same.
        route: method, path and query; the same key stands for something else at another.
        key: the header's value.
        body: as it came.
    """

    user_id: str
    route: str
    key: str = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered; it may hold a secret that is shown once."""

    status: int
    body: str = field(repr=False)
    content_type: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to serve a request, until `lease_until`.

    Attributes:
        record_id: under which the answer is found again; tells nothing of the key.
        fingerprint: of the body.
        holder: names this attempt; whoever comes after a crash is another.
        expires_at: when the key means nothing any more.
    """

    record_id: str
    user_id: str
    fingerprint: str
    holder: str
    lease_until: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """What is stored of a request.

    Attributes:
        sealed_answer: empty while it is being served.
        created: what it has created: the kind of object, and its id; empty until then.
        lease_until: until when it may be served.
    """

    fingerprint: str
    sealed_answer: bytes = field(repr=False)
    created: str
    lease_until: datetime

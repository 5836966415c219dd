"""The root of every error that Ciborium raises on purpose.

    CiboriumError
    ├── InvalidInputError      the caller must change the request
    ├── UnauthenticatedError   no credentials, or bad ones
    ├── ForbiddenError         known, but not allowed
    ├── NotFoundError          absent, or the caller may not know that it exists
    ├── ConflictError          the request lost against the current state
    ├── PayloadTooLargeError
    ├── RateLimitedError       too much at once; `retry_after` says when again
    ├── UpstreamError          another server said no, or nonsense
    ├── UpstreamTimeoutError   another server did not answer in time
    └── UnavailableError       something that we need is out of reach; try again

A feature's own errors derive from these and live in its `errors.py`. `api/errors.py` maps the ten
kinds to HTTP; nothing else does. Messages are shown to callers: no secret, no upstream's body.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Validation:
    """One field of the request that is wrong, and what to do about it."""

    field: str
    detail: str


class CiboriumError(Exception):
    """The root; `code` is stable and short, for programs; `message` is for people."""

    code: ClassVar[str] = "error"
    retry_after: int = 0
    """After how many seconds it makes sense to try again; 0 says nothing."""

    def __init__(
        self, message: str, *, detail: str = "", validations: Sequence[Validation] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.validations = tuple(validations)

    def extra(self) -> dict[str, Any]:
        """Further members of the error body, such as `connect_url`."""
        return {}


class InvalidInputError(CiboriumError):
    """The request cannot be served as it is; `validations` name the fields."""

    code = "invalid_input"


class UnauthenticatedError(CiboriumError):
    """No credentials were sent, or they are unknown, expired or revoked."""

    code = "unauthenticated"


class ForbiddenError(CiboriumError):
    """The caller is known and may not do this."""

    code = "forbidden"


class NotFoundError(CiboriumError):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"


class ConflictError(CiboriumError):
    """The request contradicts the current state: a name taken, a version passed."""

    code = "conflict"


class PayloadTooLargeError(CiboriumError):
    """The request's body is over the limit that the message names."""

    code = "payload_too_large"


class RateLimitedError(CiboriumError):
    """The caller asks for too much at once; `retry_after` is in seconds."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UpstreamError(CiboriumError):
    """Another server refused or answered nonsense."""

    code = "upstream_error"


class UpstreamTimeoutError(CiboriumError):
    """Another server did not answer within its budget."""

    code = "upstream_timeout"


class UnavailableError(CiboriumError):
    """Something that we depend on is out of reach; `retry_after` is in seconds."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after

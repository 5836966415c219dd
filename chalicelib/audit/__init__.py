"""The audit log: an append-only record of who did what to which object, when and from where.

A service states what somebody did (`Actor.did`), and its repository opens the transaction of the
change with it (`AuditRepository.transaction`): both are written, or neither.
"""

from typing import TYPE_CHECKING, Any

from chalicelib.audit.diffs import Snapshot, diff
from chalicelib.audit.models import NO_REQUEST, Action, NewEvent, ObjectType, RequestContext

if TYPE_CHECKING:
    from chalicelib.audit.repository import AuditRepository

__all__ = [
    "NO_REQUEST",
    "Action",
    "AuditRepository",
    "NewEvent",
    "ObjectType",
    "RequestContext",
    "Snapshot",
    "diff",
]


def __getattr__(name: str) -> Any:
    if name != "AuditRepository":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from chalicelib.audit.repository import AuditRepository  # With DynamoDB's client below it.

    return AuditRepository

"""The audit log: an append-only record of who did what to which object, when and from where.

A service states what somebody did (`Actor.did`), and its repository opens the transaction of the
change with it (`AuditRepository.transaction`): both are written, or neither.
"""

from chalicelib.audit.diffs import Snapshot, diff
from chalicelib.audit.models import NO_REQUEST, Action, NewEvent, ObjectType, RequestContext
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

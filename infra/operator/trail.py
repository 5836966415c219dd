"""The trail of a restoration: its audit events, and the mark that lets it go on after a stop."""

from collections.abc import Mapping

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.bootstrap.operations import Operations
from chalicelib.errors import ConflictError
from chalicelib.identity.models import OPERATOR
from chalicelib.storage import Database, Item, Transaction
from infra.operator.backup_file import Header

_MARK = "restore"


class RestorationBusyError(ConflictError):
    """Another run of the same backup has begun or ended meanwhile."""

    code = "restoration_busy"

    def __init__(self) -> None:
        super().__init__(
            "Another run restores the same backup. The audit log tells whether it is done; "
            "otherwise run this again."
        )


class Trail:
    """Records that a restoration begins, goes on, and is done; nothing of what the rows hold.

    A restoration takes too many writes for one transaction. So its event goes before the first of
    them, in one transaction with a mark, which goes in one transaction with the last event: what
    was restored was begun in the log, and what the log calls done is done.

    Args:
        header: of the backup.
        rows: how many it has.
        database: where it is restored.
        services: the audit log's.
    """

    def __init__(
        self, header: Header, rows: int, *, database: Database, services: Operations
    ) -> None:
        self._header = header
        self._rows = rows
        self._services = services
        self._marks = database.bind(Item, "keys")

    def is_begun(self) -> bool:
        """Whether this very backup is half-way in.

        Raises:
            StorageUnavailableError: DynamoDB does not answer.
        """
        mark = self._mark()
        return self._marks.find(mark.PK, mark.SK) is not None

    def begin(self) -> None:
        """Record and mark that the restoration begins, or goes on.

        Raises:
            RestorationBusyError: another run has begun or ended meanwhile.
            StorageUnavailableError: DynamoDB does not answer.
        """
        is_begun = self.is_begun()
        transaction = self._record("resumed" if is_begun else "begun", {})
        condition = self._marks.present() if is_begun else self._marks.absent()
        transaction.put(self._mark(), condition, RestorationBusyError())
        transaction.commit()

    def end(self, outcome: Mapping[str, object]) -> None:
        """Record that the restoration is done, and what came of it; take the mark away.

        Raises:
            RestorationBusyError: another run has ended meanwhile.
            StorageUnavailableError: DynamoDB does not answer; the restoration is to be run again.
        """
        transaction = self._record("done", outcome)
        transaction.delete(self._mark(), self._marks.present(), RestorationBusyError())
        transaction.commit()

    def _mark(self) -> Item:
        return self._marks(f"RESTORE#{self._header.id}", _MARK)

    def _record(self, state: str, outcome: Mapping[str, object]) -> Transaction:
        told = {
            "state": state,
            "stage": self._header.stage,
            "created_at": self._header.created_at,
            "rows": self._rows,
            **outcome,
        }
        changes = diff({}, told)
        event = OPERATOR.did(Action.RESTORE, ObjectType.BACKUP, self._header.id, changes)
        return self._services.transaction(event)

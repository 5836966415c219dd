"""One connection to DynamoDB for the whole container, and transactions whose conditions are named.

PynamoDB would make a client for each model (each costs a botocore client at cold start), so the
models are bound here to one shared connection.
"""

from collections.abc import Callable, Sequence
from types import new_class
from typing import Any, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection, TableConnection
from pynamodb.connection.base import MetaTable
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib import patience
from chalicelib.aws_calls import READS, note_failure
from chalicelib.aws_session import SharedSession
from chalicelib.storage.errors import StorageUnavailableError
from chalicelib.storage.items import Item

I = TypeVar("I", bound=Item)  # noqa: E741 -- the customary name of an item's type

_OUR_FAULT = frozenset(
    {"ConditionalCheckFailedException", "TransactionCanceledException", "ValidationException"}
)
_MOST_WRITES = 100  # In one transaction.
# A call takes twelve seconds at the worst: three silences, and the pauses between them.
_ATTEMPTS = 3
_COMMITS = 3  # Of one transaction, while others hold its items.
_CONNECT_SECONDS = 1
_READ_SECONDS = 3


class _Connection(Connection):
    """Counts its calls, and gives every failure that is not about our request one name."""

    def __init__(self, session: SharedSession, **options: Any) -> None:
        super().__init__(**options)
        self._shared_session = session

    @property
    def session(self) -> SharedSession:
        """What its client is made with, where PynamoDB would make one for each thread."""
        return self._shared_session

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        unavailable = _unavailable(may_be_done=operation_name not in READS)
        try:
            with patience.waiting(_unavailable()):
                answer: dict[str, Any] = super().dispatch(operation_name, operation_kwargs)
        except ClientError as exc:
            if exc.response.get("Error", {}).get("Code") in _OUR_FAULT:
                raise
            note_failure(exc)
            raise unavailable from exc
        except BotoCoreError as exc:
            note_failure(exc)
            raise unavailable from exc
        return answer


class Database:
    """The deployment's tables; lives as long as the container.

    Args:
        table_name: gives the deployed name of one of our tables, `Settings.table_name`.
        region: the AWS region; the endpoint follows botocore's own rules (`AWS_ENDPOINT_URL`).
        session: that of other clients, if there are any: making one takes its time.
    """

    def __init__(
        self, table_name: Callable[[str], str], region: str, session: SharedSession | None = None
    ) -> None:
        self._table_name = table_name
        self.connection = _Connection(
            session or SharedSession(),
            region=region,
            connect_timeout_seconds=_CONNECT_SECONDS,
            read_timeout_seconds=_READ_SECONDS,
            retry_configuration={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        )
        self._tables: dict[str, TableConnection] = {}

    def name_of(self, table: str) -> str:
        """The deployed name of one of our tables."""
        return self._table_name(table)

    def bind(self, item: type[I], table: str) -> type[I]:
        """The item's class, tied to one of this deployment's tables."""
        name = self._table_name(table)
        namespace = {
            "Meta": type("Meta", (), {"table_name": name}),
            "__module__": item.__module__,
        }
        bound = cast(
            "type[I]", new_class(item.__name__, (item,), {}, lambda n: n.update(namespace))
        )
        bound._connection = self._table(name, bound)  # noqa: SLF001 -- where PynamoDB looks for it
        return bound

    def transaction(self) -> "Transaction":
        """A transaction to which writes are added, each with the error of its lost race."""
        return Transaction(self.connection)

    def remove_all(self, items: Sequence[Item]) -> None:
        """Remove items, a hundred with each write and in their order; safe to repeat."""
        for start in range(0, len(items), _MOST_WRITES):
            transaction = self.transaction()
            for item in items[start : start + _MOST_WRITES]:
                # One that is gone already is no matter: somebody else is at the same work.
                transaction.delete(item, item.present() | item.absent(), _unavailable())
            transaction.commit()

    def ping(self) -> None:
        """See that DynamoDB answers for one of our tables; for `/readyz`.

        Raises:
            StorageUnavailableError: it does not, or the table is missing.
        """
        try:
            self.connection.dispatch("DescribeTable", {"TableName": self._table_name("identity")})
        except ClientError as exc:
            raise _unavailable() from exc

    def _table(self, name: str, item: type[Item]) -> TableConnection:
        schema = item._get_schema()  # noqa: SLF001 -- PynamoDB offers no public description
        indexes = schema["global_secondary_indexes"]
        known = self._tables.get(name)
        if known is not None and not indexes:
            return known
        described = MetaTable(
            {
                "TableName": name,
                "KeySchema": schema["key_schema"],
                "AttributeDefinitions": schema["attribute_definitions"],
                "GlobalSecondaryIndexes": [
                    {"IndexName": index["index_name"], "KeySchema": index["key_schema"]}
                    for index in indexes
                ],
                "LocalSecondaryIndexes": [],
            }
        )
        # Several kinds of item share a table; the description of one with the index serves all.
        self.connection._tables[name] = described  # noqa: SLF001 -- add_meta_table refuses a second
        table = TableConnection(name, region=self.connection.region)
        table.connection = self.connection
        self._tables[name] = table
        return table


class Transaction:
    """Up to 100 writes that happen together or not at all; each names what its refusal means."""

    def __init__(self, connection: Connection) -> None:
        self._write = TransactWrite(connection=connection)
        # PynamoDB sends checks, deletes, puts, updates in this order, and so come the reasons.
        self._refusals: dict[str, list[Exception]] = {
            "check": [],
            "delete": [],
            "put": [],
            "update": [],
        }

    def check(
        self, item: type[Item], key: tuple[str, str], condition: Condition, refused: Exception
    ) -> None:
        """Require a condition on an item that is not written."""
        self._write.condition_check(item, *key, condition=condition)
        self._refusals["check"].append(refused)

    def put(self, item: Item, condition: Condition, refused: Exception) -> None:
        """Write a whole item under a condition."""
        self._write.save(item, condition=condition)
        self._refusals["put"].append(refused)

    def update(
        self, item: Item, actions: list[Action], condition: Condition, refused: Exception
    ) -> None:
        """Change some attributes of an item under a condition."""
        self._write.update(item, actions=actions, condition=condition)
        self._refusals["update"].append(refused)

    def delete(self, item: Item, condition: Condition, refused: Exception) -> None:
        """Remove an item under a condition."""
        self._write.delete(item, condition=condition)
        self._refusals["delete"].append(refused)

    def commit(self) -> None:
        """Write it all.

        Raises:
            Exception: the error given with the first write whose condition did not hold.
            StorageUnavailableError: DynamoDB refused for a reason of its own, or two transactions
                met on the same item again and again.
        """
        for commits_left in reversed(range(_COMMITS)):
            try:
                with self._write:
                    return
            except TransactWriteError as exc:
                self._raise_refusal(exc)
                if not (commits_left and _met_another(exc)):
                    raise _unavailable() from exc

    def _raise_refusal(self, exc: TransactWriteError) -> None:
        """Raise what the first refused write means; nothing if none was refused."""
        refusals = [error for kind in self._refusals.values() for error in kind]
        for reason, error in zip(exc.cancellation_reasons, refusals, strict=False):
            if reason is not None and reason.code == "ConditionalCheckFailed":
                raise error from exc
        if exc.cause_response_code != "TransactionCanceledException":
            raise exc


def _met_another(exc: TransactWriteError) -> bool:
    """Whether another transaction held an item: once that is done, a condition may tell more."""
    return any(
        reason and reason.code == "TransactionConflict" for reason in exc.cancellation_reasons
    )


def _unavailable(*, may_be_done: bool = False) -> StorageUnavailableError:
    """The error of a call without an answer; a write's answer may be all that was lost."""
    if may_be_done:
        return StorageUnavailableError(
            "The database did not answer. Look whether your change was made, or try again."
        )
    return StorageUnavailableError("The database did not answer. Try again.")

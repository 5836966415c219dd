"""Rows as DynamoDB has them, for what must know no model: re-sealing, counting, backups.

Nothing here is for requests: it reads whole tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.storage.database import Database
from chalicelib.storage.errors import StorageUnavailableError

StoredRow = dict[str, dict[str, Any]]

_KEY = ("PK", "SK")


class Rows:
    """Reads tables page by page, and writes rows under conditions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pages(
        self, table: str, page_size: int | None = None, *, having: Sequence[str] = ()
    ) -> Iterator[tuple[list[StoredRow], int]]:
        """The rows of a table, and of how many each page was chosen.

        Args:
            table: which.
            page_size: how many rows each page is chosen from; as many as DynamoDB will, by default.
            having: only rows that have one of these attributes.

        Raises:
            StorageUnavailableError: DynamoDB does not answer.
        """
        request: dict[str, Any] = {
            "TableName": self._database.name_of(table),
            "ConsistentRead": True,
        }
        if page_size:
            request["Limit"] = page_size
        if having:
            names = {f"#{number}": name for number, name in enumerate(having)}
            request["ExpressionAttributeNames"] = names
            request["FilterExpression"] = " OR ".join(f"attribute_exists({n})" for n in names)
        while True:
            page = self._database.connection.dispatch("Scan", request)
            yield page["Items"], page["ScannedCount"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def find(self, table: str, hash_key: str, range_key: str) -> StoredRow | None:
        """A row by its key, read consistently.

        Raises:
            StorageUnavailableError: DynamoDB does not answer.
        """
        request = {
            "TableName": self._database.name_of(table),
            "Key": {"PK": {"S": hash_key}, "SK": {"S": range_key}},
            "ConsistentRead": True,
        }
        found: StoredRow | None = self._database.connection.dispatch("GetItem", request).get("Item")
        return found

    def exchange(
        self,
        table: str,
        row: StoredRow,
        before: Mapping[str, bytes],
        after: Mapping[str, bytes],
    ) -> bool:
        """Replace some binary attributes of a row; False if one is not as it was any more.

        Raises:
            StorageUnavailableError: DynamoDB does not answer.
        """
        names = {f"#{number}": name for number, name in enumerate(before)}
        values = {
            f":{kind}{number}": {"B": of[name]}
            for kind, of in (("b", before), ("a", after))
            for number, name in enumerate(before)
        }
        numbers = range(len(before))
        request = {
            "TableName": self._database.name_of(table),
            "Key": {name: row[name] for name in _KEY},
            "UpdateExpression": "SET " + ", ".join(f"#{n} = :a{n}" for n in numbers),
            "ConditionExpression": " AND ".join(f"#{n} = :b{n}" for n in numbers),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
        try:
            return self._was_done("UpdateItem", request)
        except StorageUnavailableError as exc:
            if _met_a_transaction(exc):
                return False  # Whose write may be to the very values.
            raise

    def add(self, table: str, row: StoredRow) -> bool:
        """Store a row; False if there is one with its key.

        Raises:
            StorageUnavailableError: DynamoDB does not answer.
        """
        request = {
            "TableName": self._database.name_of(table),
            "Item": row,
            "ConditionExpression": "attribute_not_exists(PK)",
        }
        return self._was_done("PutItem", request)

    def is_empty(self, table: str) -> bool:
        """Whether a table has no row.

        Raises:
            StorageUnavailableError: DynamoDB does not answer.
        """
        items, _ = next(self.pages(table, 1))
        return not items

    def _was_done(self, operation: str, request: dict[str, Any]) -> bool:
        try:
            self._database.connection.dispatch(operation, request)
        except ClientError as exc:
            if exc.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _met_a_transaction(error: StorageUnavailableError) -> bool:
    cause = error.__cause__
    code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
    return code == "TransactionConflictException"

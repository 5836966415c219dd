"""Transactions that meet others on the same item."""

from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from pynamodb.attributes import UnicodeAttribute

from chalicelib.errors import ConflictError
from chalicelib.storage import Database, Item, StorageUnavailableError
from tests.support import aws

CONFLICT = {
    "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
    "CancellationReasons": [{"Code": "TransactionConflict", "Message": "Transaction is ongoing"}],
    "ResponseMetadata": {"RequestId": "request-1"},
}


class Note(Item):
    text = UnicodeAttribute()


class Rival:
    """Another transaction that holds the item for the first commits."""

    def __init__(self, database: Database, commits: int) -> None:
        self.commits, self.asked = commits, 0
        events: Any = database.connection.client.meta.events
        events.register("before-call.dynamodb.TransactWriteItems", self._refuse)

    def _refuse(self, **_: Any) -> tuple[AWSResponse, Any] | None:
        """What stands for DynamoDB's answer; nothing lets the call through to it."""
        self.asked += 1
        if self.asked > self.commits:
            return None
        return AWSResponse("https://dynamodb.example", 400, HTTPHeaders(), None), CONFLICT


@pytest.fixture
def database(local_aws: None) -> Database:
    return Database(lambda table: f"ciborium-{aws.STAGE}-{table}", aws.REGION)


def write_once(database: Database) -> type[Note]:
    notes = database.bind(Note, "chats")
    transaction = database.transaction()
    transaction.put(notes("N#1", "note", text="x"), notes.absent(), ConflictError("taken"))
    transaction.commit()
    return notes


def test_a_transaction_waits_for_another_that_holds_its_item(database: Database) -> None:
    rival = Rival(database, commits=2)
    assert write_once(database).find("N#1", "note").text == "x"
    assert rival.asked == 3


def test_once_the_other_is_done_the_condition_names_the_lost_race(database: Database) -> None:
    write_once(database)
    Rival(database, commits=1)
    with pytest.raises(ConflictError, match="taken"):
        write_once(database)


def test_it_does_not_wait_for_ever(database: Database) -> None:
    rival = Rival(database, commits=100)
    with pytest.raises(StorageUnavailableError):
        write_once(database)
    assert rival.asked == 3

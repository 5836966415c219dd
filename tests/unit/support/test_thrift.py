"""What is spared in the tests' AWS changes nothing of what it answers and holds."""

from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.support import aws, copies, thrift
from tests.support.tables import everything_but

TABLE = f"ciborium-{aws.STAGE}-servers"
VALUES: dict[str, Any] = {
    "text": {"S": "hä"},
    "number": {"N": "1.50"},
    "bytes": {"B": b"\x00\xff"},
    "truth": {"BOOL": False},
    "nothing": {"NULL": True},
    "empty": {"L": []},
    "list": {"L": [{"S": "x"}, {"M": {"deep": {"SS": ["a", "b"]}}}]},
}


def key(sort: str) -> dict[str, Any]:
    return {"PK": {"S": "A"}, "SK": {"S": sort}}


def update(sort: str, number: int) -> dict[str, Any]:
    return {
        "TableName": TABLE,
        "Key": key(sort),
        "UpdateExpression": "SET n = :n, again.#n = :n",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":n": {"N": str(number)}},
    }


def answers() -> list[Any]:
    """What the AWS of this process says to one thing after the other."""
    dynamodb, said = aws.client("dynamodb"), []

    def call(operation: str, **arguments: Any) -> None:
        try:
            answer = getattr(dynamodb, operation)(**arguments)
        except ClientError as exc:
            answer = exc.response
        said.append({name: each for name, each in answer.items() if name != "ResponseMetadata"})

    for sort in ("1", "2"):
        call("put_item", TableName=TABLE, Item={**key(sort), **VALUES, "again": {"M": {}}})
    good = [
        {"Update": update("1", 1)},
        {"Put": {"TableName": TABLE, "Item": key("3")}},
        {"Delete": {"TableName": TABLE, "Key": key("2")}},
    ]
    absent = {"TableName": TABLE, "Key": key("9"), "ConditionExpression": "attribute_exists(PK)"}
    others = [{"Update": update("1", 7)}, {"Put": {"TableName": TABLE, "Item": key("8")}}]
    removal = {"Delete": {"TableName": TABLE, "Key": key("3")}}
    call("transact_write_items", TransactItems=good)
    call("transact_write_items", TransactItems=[*others, removal, {"ConditionCheck": absent}])
    call("transact_write_items", TransactItems=[*others, {"Update": update("1", 8)}])
    call("update_item", ReturnValues="ALL_OLD", **update("1", 2))
    call("get_item", TableName=TABLE, Key=key("1"))
    call("get_item", TableName=TABLE, Key=key("2"))
    call(
        "query",
        TableName=TABLE,
        KeyConditionExpression="PK = :a",
        ExpressionAttributeValues={":a": {"S": "A"}},
    )
    call("delete_item", TableName=TABLE, Key=key("1"), ConditionExpression="attribute_exists(no)")
    call("describe_table", TableName=f"{TABLE}-of-nobody")
    return [*said, everything_but()]


def test_moto_says_the_same_and_holds_the_same_with_less_work() -> None:
    with pytest.MonkeyPatch.context() as patch:
        aws.make_writes_atomic(patch)
        aws.spare_time(patch)
        with mock_aws():
            aws.create_stack()
            expected = answers()
        thrift.spare_more_time(patch)
        with mock_aws():
            copies.have_stack()
            assert answers() == expected
    assert [each["Item"]["n"] for each in expected if "Item" in each] == [{"N": "2"}]


@pytest.mark.usefixtures("local_aws")
def test_whatever_is_done_to_a_copy_the_next_one_is_as_the_first_was() -> None:
    def describe() -> Any:
        dynamodb, kms, sqs = (aws.client(each) for each in ("dynamodb", "kms", "sqs"))
        names = dynamodb.list_tables()["TableNames"]
        queues = sqs.list_queues()["QueueUrls"]
        return (
            [dynamodb.describe_table(TableName=name)["Table"] for name in names],
            kms.list_keys()["Keys"],
            [each["AliasName"] for each in kms.list_aliases()["Aliases"]],
            [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]) for url in queues],
        )

    first = describe()
    aws.client("dynamodb").put_item(TableName=TABLE, Item=key("1"))
    aws.lose_table("audit")
    aws.lose_kms_key(first[1][0]["KeyArn"])
    queue = aws.client("sqs").list_queues()["QueueUrls"][0]
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody="{}")
    assert str(describe()) != str(first)
    copies.have_stack()
    with suppress(ClientError):
        aws.create_stack()  # It is there already.
    assert without_metadata(describe()) == without_metadata(first)


def without_metadata(described: Any) -> Any:
    *others, queues = described
    return [*others, [each["Attributes"] for each in queues]]


@pytest.mark.usefixtures("local_aws")
def test_rows_are_made_once_and_copied_where_nothing_else_is() -> None:
    made = []

    def make() -> None:
        made.append(1)
        aws.client("dynamodb").put_item(TableName=TABLE, Item={**key("1"), "n": {"N": "1"}})

    for _ in range(2):
        copies.have_stack()
        copies.have_rows(make, "of this test")
        assert [each["n"] for each in everything_but()["servers"]] == [{"N": "1"}]
        aws.client("dynamodb").put_item(TableName=TABLE, Item={**key("1"), "n": {"N": "2"}})
    assert len(made) == 1
    copies.have_rows(make, "of this test")
    copies.have_stack()
    copies.have_rows(make, "of another")
    assert len(made) == 3

"""What lies in the tables, read past the product."""

from typing import Any

from tests.support import aws

Items = list[dict[str, dict[str, Any]]]


def table_items(table: str) -> Items:
    """Every item of one of our tables, as DynamoDB has it."""
    pages = aws.client("dynamodb").get_paginator("scan")
    name = f"ciborium-{aws.STAGE}-{table}"
    return [each for page in pages.paginate(TableName=name) for each in page["Items"]]


def everything_but(*tables: str) -> dict[str, Items]:
    """Every item of every other table."""
    prefix = f"ciborium-{aws.STAGE}-"
    names = aws.client("dynamodb").list_tables()["TableNames"]
    others = {name.removeprefix(prefix) for name in names} - set(tables)
    return {other: table_items(other) for other in others}

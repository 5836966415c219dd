"""What calls to DynamoDB would consume, reckoned where botocore sends them.

By the rules of AWS's developer guide ("Read and write operations"): a read unit is 4 KB read
consistently, a write unit 1 KB; a transaction takes twice as much, an index once more. Nobody
contends here; a condition that fails would consume, too.
"""

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support import aws

_READS = {"GetItem", "Query", "BatchGetItem"}
_INDEX_KEYS = ("LPK", "actor_id", "object_id", "organization_id")


@dataclass
class Consumed:
    """Calls and units, and which tables they were for."""

    calls: Counter[str] = field(default_factory=Counter)
    tables: Counter[tuple[str, str]] = field(default_factory=Counter)
    read_units: float = 0.0
    write_units: float = 0.0

    def __str__(self) -> str:
        reads = sum(number for name, number in self.calls.items() if name in _READS)
        writes = sum(n for name, n in self.calls.items() if name not in _READS | {"SQS"})
        return (
            f"{reads} reads ({self.read_units:g} units), {writes} writes "
            f"({self.write_units:g} units), {self.calls['SQS']} messages"
        )


class UnitMeter:
    """Reckons what a botocore client's calls consume, from when it watches it."""

    def __init__(self) -> None:
        self.consumed = Consumed()
        self._own = aws.client("dynamodb")

    def watch(self, client: Any) -> None:
        """Reckon this client's calls from now on."""
        for event, handler in self._handlers(client):
            client.meta.events.register(event, handler)

    def leave(self, client: Any) -> None:
        """Reckon this client's calls no more."""
        for event, handler in self._handlers(client):
            client.meta.events.unregister(event, handler)

    def take(self) -> Consumed:
        """What was consumed since the last time."""
        taken, self.consumed = self.consumed, Consumed()
        return taken

    def _handlers(self, client: Any) -> list[tuple[str, Callable[..., None]]]:
        """Which of a client's events to attend to."""
        if client.meta.service_model.service_name == "sqs":
            return [("before-call.sqs.SendMessage", self._count_message)]
        return [
            ("before-call.dynamodb", self._remember),
            ("after-call.dynamodb", self._reckon),
        ]

    def _count_message(self, **_: Any) -> None:
        self.consumed.calls["SQS"] += 1

    def _remember(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["request"] = json.loads(params["body"])

    def _reckon(
        self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
    ) -> None:
        request, operation = context["request"], model.name
        self.consumed.calls[operation] += 1
        if operation == "TransactWriteItems":
            for each in request["TransactItems"]:
                [(kind, one)] = each.items()
                self._write(kind if kind == "ConditionCheck" else f"{kind}Item", one, 2)
        elif operation == "BatchGetItem":
            for table, found in parsed["Responses"].items():
                self.consumed.tables[(table, operation)] += 1
                self.consumed.read_units += sum(_blocks(item, 4096) for item in found) / 2
        elif operation in _READS:
            table = request["TableName"] + (
                f"/{name}" if (name := request.get("IndexName")) else ""
            )
            self.consumed.tables[(table, operation)] += 1
            found = parsed.get("Items", [parsed.get("Item", {})])
            units = max(1, math.ceil(sum(map(_size, found)) / 4096))
            self.consumed.read_units += units if request.get("ConsistentRead") else units / 2
        elif operation != "DescribeTable":
            self._write(operation, request, 1)

    def _write(self, operation: str, request: dict[str, Any], factor: int) -> None:
        table = request["TableName"]
        self.consumed.tables[(table, operation)] += 1
        item = request.get("Item")
        if item is None:  # As it is after the call.
            found = self._own.get_item(TableName=table, Key=request["Key"])
            item = found.get("Item", {})
        indexes = sum(name in item for name in _INDEX_KEYS) if operation.endswith("Item") else 0
        self.consumed.write_units += _blocks(item, 1024) * (factor + indexes)


def _blocks(item: dict[str, Any], size: int) -> int:
    return max(1, math.ceil(_size(item) / size))


def _size(item: dict[str, Any]) -> int:
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: dict[str, Any]) -> int:
    [(kind, content)] = value.items()
    if kind == "M":
        return 3 + sum(1 + len(name) + _value_size(each) for name, each in content.items())
    if kind == "L":
        return 3 + sum(1 + _value_size(each) for each in content)
    if kind == "B" and isinstance(content, str):  # Base64, as it is sent.
        return len(content) * 3 // 4
    if kind == "N":
        return len(content) // 2 + 2
    return len(content) if isinstance(content, str | bytes) else 1

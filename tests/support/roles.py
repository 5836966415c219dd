"""What each function's role lets it do, held against what the function does.

moto and the local AWS grant everything; so tests act as a function here, as Lambda would, and every
call that its policy in .chalice does not allow is an error.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from infra.cloudformation import load_template
from tests.support import aws

POLICIES = Path(__file__).parents[2] / ".chalice"
FUNCTIONS = ("api", "turns", "reaper", "follow")
_IN_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


@dataclass(frozen=True)
class Use:
    """One thing that a call does: an action, on a resource of the template, in a context."""

    action: str
    resource: str
    context: tuple[tuple[str, str | frozenset[str]], ...] = ()


@cache
def statements_of(function: str) -> list[dict[str, Any]]:
    """The statements of a function's policy."""
    text = (POLICIES / f"policy-{function}.json").read_text(encoding="utf-8")
    statements: list[dict[str, Any]] = json.loads(text)["Statement"]
    return statements


@cache
def grants_of(function: str) -> frozenset[tuple[str, str]]:
    """The actions and resources that a policy allows, whatever its conditions."""
    return frozenset(
        (action, name_of(resource))
        for statement in statements_of(function)
        for action in statement["Action"]
        for resource in statement["Resource"]
    )


def name_of(resource: dict[str, Any]) -> str:
    """A resource as its logical id, with what follows it: `ChatsTable/index/lookup`."""
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    return re.sub(r"^\$\{(\w+)\.Arn\}", r"\1", resource["Fn::Sub"])


def allows(function: str, use: Use) -> bool:
    """Whether some statement of the policy allows it, conditions included."""
    return any(
        use.action in statement["Action"]
        and use.resource in map(name_of, statement["Resource"])
        and _holds(statement.get("Condition", {}), dict(use.context))
        for statement in statements_of(function)
    )


def _holds(conditions: dict[str, dict[str, Any]], context: dict[str, Any]) -> bool:
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            known = {json.dumps({"Ref": "Stage"}): aws.STAGE}
            patterns = [
                known.get(json.dumps(each), each)
                for each in (wanted if isinstance(wanted, list) else [wanted])
            ]
            value = context.get(key)
            values = value if isinstance(value, frozenset) else {value}
            if not all(_is_one_of(each, patterns, like="Like" in operator) for each in values):
                return False
    return True


def _is_one_of(value: str | None, patterns: list[Any], *, like: bool) -> bool:
    return value is not None and any(
        isinstance(each, str) and (fnmatchcase(value, each) if like else value == each)
        for each in patterns
    )


@dataclass
class Roles:
    """Who acts, and what has been done as whom.

    A call in a thread that a function has started is that function's; when several act at once,
    one of them must be allowed it.
    """

    used: set[tuple[str, Use]] = field(default_factory=set)
    _here: threading.local = field(default_factory=threading.local)
    _acting: list[str] = field(default_factory=list)
    _refused: list[str] = field(default_factory=list)

    @contextmanager
    def acting(self, function: str) -> Iterator[None]:
        """Whatever is called meanwhile, the function calls."""
        before, self._here.function = getattr(self._here, "function", None), function
        self._acting.append(function)
        try:
            yield
        finally:
            self._acting.remove(function)
            self._here.function = before
        refused, self._refused[:] = sorted(set(self._refused)), []
        assert not refused, f".chalice/policy-*.json must allow, or the code must not: {refused}"

    def watch(self, client: Any) -> None:
        """Look at this client's calls from now on."""
        service = client.meta.service_model.service_name
        client.meta.events.register(f"before-call.{service}", self._look)

    def _look(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        own = getattr(self._here, "function", None)
        functions = {own} if own else set(self._acting)
        if not functions:
            return  # The test itself, or the operator.
        service = model.service_model.service_name
        for use in uses(service, model.name, json.loads(params["body"] or "{}")):
            allowed = {function for function in functions if allows(function, use)}
            self.used |= {(function, use) for function in allowed}
            if not allowed:
                self._refused.append(f"{'/'.join(sorted(functions))}: {use}")


def uses(service: str, operation: str, body: dict[str, Any]) -> Iterator[Use]:
    """What IAM asks about a call."""
    if service == "kms":
        given = body.get("EncryptionContext", {})
        context = {f"kms:EncryptionContext:{name}": value for name, value in given.items()}
        yield Use(f"kms:{operation}", "Key", tuple(sorted(context.items())))
    elif service == "sqs":
        yield Use(f"sqs:{operation}", "TurnsQueue")
    elif operation == "TransactWriteItems":
        for each in body["TransactItems"]:
            [(kind, one)] = each.items()
            yield _of_item(_IN_TRANSACTION[kind], one)
    elif operation == "BatchGetItem":
        for table in body["RequestItems"]:
            yield Use("dynamodb:BatchGetItem", _logical_ids()[table])
    else:
        yield _of_item(operation, body)


def _of_item(operation: str, body: dict[str, Any]) -> Use:
    table = _logical_ids()[body["TableName"]]
    index = body.get("IndexName")
    key = (body.get("Key") or body.get("Item") or {}).get("PK", {}).get("S")
    context: dict[str, str | frozenset[str]] = {"dynamodb:LeadingKeys": key} if key else {}
    if operation in {"PutItem", "UpdateItem"}:
        named = {*(body.get("Key") or body["Item"]), *_names_in(body)}
        context["dynamodb:Attributes"] = frozenset(named)
    resource = f"{table}/index/{index}" if index else table
    return Use(f"dynamodb:{operation}", resource, tuple(sorted(context.items())))


def _names_in(body: dict[str, Any]) -> Iterator[str]:
    """The attributes that the expressions of a call name; PynamoDB names all by placeholders."""
    yield from body.get("ExpressionAttributeNames", {}).values()


@cache
def _logical_ids() -> dict[str, str]:
    return {
        each["Properties"]["TableName"]["Fn::Sub"].replace("${Stage}", aws.STAGE): name
        for name, each in load_template("data.yaml")["Resources"].items()
        if each["Type"] == "AWS::DynamoDB::Table"
    }

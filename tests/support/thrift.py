"""Lets moto and botocore work out once what they would work out anew for each test or each call.

Nothing here changes what comes out: what is kept is a function of nothing but its arguments, or is
made anew from a copy. It is kept for the process, since in a test each cache would begin empty.
"""

import copy
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.useragent import sanitize_user_agent_string_component
from moto.backends import get_backend
from moto.core.serialize import (
    AttributePickerContext,
    ResponseSerializer,
    XFormedAttributePicker,
)
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

_OF_EQUAL_ARGUMENTS: dict[str, Callable[..., Any]] = {
    "moto.backends.get_backend": get_backend,
    "moto.core.responses.method_names_from_class": method_names_from_class,
    "botocore.useragent.sanitize_user_agent_string_component": sanitize_user_agent_string_component,
}
_ONCE = {name: cache(function) for name, function in _OF_EQUAL_ARGUMENTS.items()}


def spare_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let moto and botocore do only once what always comes to the same.

    Not for measurements: `aws.spare_time` is, which leaves calls as they are.
    """
    for name, function in _ONCE.items():
        monkeypatch.setattr(name, function)
    monkeypatch.setattr(SigV4Auth, "add_auth", _sign_if_it_is_read)
    monkeypatch.setattr(EventAliaser, "_alias_event_name", lambda _, name: _alias(name))
    monkeypatch.setattr(ResponseSerializer, "get_value", _get_value)
    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", _transact_write_items)
    monkeypatch.setattr("moto.dynamodb.models.copy", SimpleNamespace(deepcopy=_deepcopy))
    # What moto is to answer for `requests`, which calls no AWS in any test: a thousand patterns.
    monkeypatch.setattr("moto.core.models.RESPONSES_METHODS", [])


_sign = SigV4Auth.add_auth


def _sign_if_it_is_read(signer: SigV4Auth, request: Any) -> None:
    """moto's S3 looks for a signature; the others, whose calls are the most, do not."""
    if signer.credentials is None or type(signer) is not SigV4Auth:
        _sign(signer, request)


_alias_event_name: Callable[..., str] = vars(EventAliaser)["_alias_event_name"]


@cache
def _alias(event_name: str) -> str:
    return _alias_event_name(EventAliaser(HierarchicalEmitter()), event_name)


_get_value_of_anything = ResponseSerializer.get_value


def _get_value(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    """What moto would find, which tries ten names for each member of each attribute's value."""
    picker = serializer._value_picker
    if type(value) is not dict or type(picker) is not XFormedAttributePicker:
        return _get_value_of_anything(serializer, value, key, shape)
    if picker.response_transformers:
        return _get_value_of_anything(serializer, value, key, shape)
    for name in _names_in_dict(key, shape, getattr(shape, "parent", None)):
        if name in value:
            return value[name]
    return None


@cache
def _names_in_dict(key: str, shape: Any, parent: Any) -> tuple[str, ...]:
    context = AttributePickerContext(obj={}, key=key, shape=shape)
    names = tuple(XFormedAttributePicker().get_possible_keys(context))
    assert not any("." in name for name in names), "it would be a path"
    return names


_copies: dict[int, Table] = {}
_transact = DynamoDBBackend.transact_write_items


def _transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Have moto keep what a transaction may change, where it would copy each table once per item.

    Nobody else asks moto for anything meanwhile (`aws.make_writes_atomic`).
    """
    for each in transact_items:
        for kind, operation in each.items():
            table = backend.tables.get(operation["TableName"])
            if table is None:
                continue
            if id(table) not in _copies:
                _copies[id(table)] = _with_same_items(table)
            # The other kinds put another item where one is, or none.
            if kind == "Update":
                _keep_item(_copies[id(table)], operation["Key"])
    try:
        _transact(backend, transact_items)
    finally:
        _copies.clear()


def _with_same_items(table: Table) -> Table:
    kept = copy.copy(table)
    kept.items = defaultdict(
        dict, {partition: dict(items) for partition, items in table.items.items()}
    )
    return kept


def _keep_item(table: Table, key: dict[str, Any]) -> None:
    partition, sort = (DynamoType(key[name]) for name in table.table_key_attrs)
    items = table.items[partition]
    if sort in items:
        items[sort] = copy.deepcopy(items[sort])


def _deepcopy(thing: Any) -> Any:
    return _copies[id(thing)] if id(thing) in _copies else copy.deepcopy(thing)

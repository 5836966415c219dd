"""What nearly each test begins with, made once in a process; each test has a copy of its own."""

import io
import pickle
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from moto.core.base_backend import BackendDict
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from tests.support import aws

_RLOCK = type(threading.RLock())
_SERVICES: list[Any] = BackendDict._instances  # type: ignore[misc]  # That have anything.


def have_stack() -> None:
    """Have what `aws.create_stack` creates, and nothing else, in moto's AWS."""
    state = _created_stack()
    BackendDict.reset()
    for service, accounts in zip(state.services, _Unpickler(state).load(), strict=True):
        service.update(accounts)
        _SERVICES.append(service)


@cache
def _created_stack() -> "_State":
    aws.create_stack()
    services = tuple(_SERVICES)
    file = io.BytesIO()
    pickler = _Pickler(file)
    pickler.dump([dict(each) for each in services])
    return _State(services, file.getvalue(), tuple(pickler.private_keys))


@dataclass(frozen=True)
class _State:
    services: tuple[Any, ...]
    pickled: bytes
    private_keys: tuple[RSAPrivateKey, ...]
    """They cannot be pickled; nor can they be changed."""


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.private_keys: list[RSAPrivateKey] = []

    def persistent_id(self, obj: Any) -> int | None:
        if not isinstance(obj, RSAPrivateKey):
            return None
        self.private_keys.append(obj)
        return len(self.private_keys) - 1

    def reducer_override(self, obj: Any) -> Any:
        return (threading.RLock, ()) if isinstance(obj, _RLOCK) else NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, state: _State) -> None:
        super().__init__(io.BytesIO(state.pickled))
        self._private_keys = state.private_keys

    def persistent_load(self, pid: int) -> RSAPrivateKey:
        return self._private_keys[pid]


_rows: dict[Hashable, bytes] = {}


def have_rows(make: Callable[[], object], *same: Hashable) -> None:
    """Have the rows that something makes; a copy, if the tables are empty as they were before.

    Args:
        make: writes them.
        same: all that they depend on.
    """
    tables = _tables()
    if any(table.items for table in tables.values()):
        make()
        return
    key = (*tables, *same)
    if key not in _rows:
        make()
        _rows[key] = pickle.dumps({name: table.items for name, table in tables.items()})
        return
    for name, items in pickle.loads(_rows[key]).items():  # noqa: S301 -- our own
        tables[name].items = items


def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = dynamodb_backends[DEFAULT_ACCOUNT_ID][aws.REGION].tables
    return tables

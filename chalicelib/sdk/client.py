"""`Client`: what is stable, below `/api/v2`."""

import time
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import Self

import httpx

from .connection import Connection
from .experimental import ExperimentalClient
from .methods.audit import AuditMethods
from .methods.groups import GroupMethods
from .methods.organizations import OrganizationMethods
from .methods.system import SystemMethods
from .methods.users import UserMethods
from .methods.workspaces import WorkspaceMethods
from .retrying import RetryPolicy


class Client(
    SystemMethods,
    UserMethods,
    OrganizationMethods,
    GroupMethods,
    WorkspaceMethods,
    AuditMethods,
):
    """A deployment of Ciborium, as the owner of a token may use it.

    Every method raises `UnreachableError` when there is no answer, and the fitting `APIError` when
    the answer is an error. What is safe to repeat is retried; see `RetryPolicy`.

        with Client("https://ciborium.example.com", token) as client:
            print(client.get_user().username)
            for server in client.experimental.list_mcp_servers():
                print(server.slug)

    Args:
        base_url: where the deployment is, with a stage's path if it has one.
        token: an API token; without one only `get_build_info` and the like answer.
        transport: httpx's, for proxies and tests.
        timeout: how many seconds an answer may take.
        retries: how often and how patiently a request is made again.
        sleep: waits between attempts.

    Raises:
        ValueError: `base_url` is no usable URL.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None,
        *,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 35.0,
        retries: RetryPolicy | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._connection = Connection(
            base_url, token, transport=transport, timeout=timeout, retries=retries, sleep=sleep
        )

    def __repr__(self) -> str:
        return f"Client({self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the deployment."""
        self._connection.close()

    @property
    def base_url(self) -> str:
        """Where the deployment is."""
        return self._connection.base_url

    @cached_property
    def experimental(self) -> ExperimentalClient:
        """MCP servers and chats, over the same connection; these methods may change."""
        return ExperimentalClient(self._connection)

"""`Client`: what is stable, below `/api/v2`."""

import time
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import Self

import httpx

from .connection import Connection, segment
from .experimental import ExperimentalClient
from .identity import CreateTokenReply, CreateTokenRequest, CreateUserRequest, User
from .organizations import (
    AddMemberRequest,
    CreateOrganizationRequest,
    Organization,
    OrganizationMember,
)
from .retrying import RetryPolicy
from .system import BuildInfo, Health

_USERS = "/api/v2/users"
_ORGANIZATIONS = "/api/v2/organizations"


class Client:
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

    # The deployment

    def get_health(self) -> Health:
        """The process is up; nothing else is asked."""
        return self._connection.get(Health, "/healthz")

    def get_readiness(self) -> Health:
        """What the deployment needs answers, too."""
        return self._connection.get(Health, "/readyz")

    def get_build_info(self) -> BuildInfo:
        """The version, and where browsers reach the deployment."""
        return self._connection.get(BuildInfo, "/api/v2/buildinfo")

    # Users and their tokens

    def get_user(self, user: str = "me") -> User:
        """A user by id, or `me`."""
        return self._connection.get(User, f"{_USERS}/{segment(user)}")

    def create_user(self, request: CreateUserRequest) -> User:
        """Add a person."""
        return self._connection.create(User, _USERS, request)

    def create_token(
        self, user: str = "me", request: CreateTokenRequest | None = None
    ) -> CreateTokenReply:
        """Make an API token; its text is in this answer only."""
        path = f"{_USERS}/{segment(user)}/keys/tokens"
        return self._connection.create(CreateTokenReply, path, request or CreateTokenRequest())

    def logout(self) -> None:
        """End the token that this client uses."""
        self._connection.send("POST", f"{_USERS}/logout")

    # Organisations and their members

    def list_organizations(self) -> list[Organization]:
        """The caller's organisations; an owner sees all."""
        return self._connection.get_list(Organization, _ORGANIZATIONS)

    def get_organization(self, organization: str) -> Organization:
        """An organisation by its id."""
        return self._connection.get(Organization, f"{_ORGANIZATIONS}/{segment(organization)}")

    def create_organization(self, request: CreateOrganizationRequest) -> Organization:
        """Add an organisation."""
        return self._connection.create(Organization, _ORGANIZATIONS, request)

    def list_organization_members(self, organization: str) -> list[OrganizationMember]:
        """The members of an organisation."""
        path = f"{_ORGANIZATIONS}/{segment(organization)}/members"
        return self._connection.get_list(OrganizationMember, path)

    def add_organization_member(
        self, organization: str, user: str, request: AddMemberRequest | None = None
    ) -> OrganizationMember:
        """Make a user a member."""
        path = f"{_ORGANIZATIONS}/{segment(organization)}/members/{segment(user)}"
        return self._connection.create(OrganizationMember, path, request or AddMemberRequest())

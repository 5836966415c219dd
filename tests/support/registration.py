"""How an authorization server comes to know its clients."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from tests.support.internet import json_reply


class OAuthError(Exception):
    """An error response (RFC 6749 section 5.2)."""

    def __init__(self, code: str, status: int = 400) -> None:
        self.reply = json_reply(
            status, {"error": code, "error_description": "upstream-text-that-must-not-be-shown"}
        )


@dataclass
class Client:
    """A registered client."""

    id: str
    secret: str | None
    method: str
    redirect_uris: list[str]


@dataclass(kw_only=True)
class Registrations:
    """An authorization server's clients: RFC 7591 and 7592, and Client ID Metadata Documents.

    Attributes:
        registered_method: what it registers clients with, whatever they ask for.
        registration_changes: members to replace in its registration answers; None removes one.
        refused_types: the kinds of client whose redirect URIs it does not take.
        registered_scopes: the only ones that it registers clients for; None means any.
        secret_expires_at: when the secrets that it gives end, in seconds since 1970.
        manages_registrations: whether a client can delete its registration.
        read_document: reads a client's metadata document; without it, it takes none.
        management_tokens: for each registration that can be deleted, its token.
    """

    auth_methods: tuple[str, ...] = ("client_secret_basic", "client_secret_post", "none")
    registered_method: str | None = None
    registration_changes: dict[str, Any] = field(default_factory=dict)
    refused_types: tuple[str, ...] = ()
    registered_scopes: tuple[str, ...] | None = None
    secret_expires_at: int = 0
    manages_registrations: bool = False
    read_document: Callable[[str], dict[str, Any]] | None = None
    clients: dict[str, Client] = field(default_factory=dict)
    registrations: list[dict[str, Any]] = field(default_factory=list)
    management_tokens: dict[str, str] = field(default_factory=dict)
    _managed: dict[str, Client] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def endpoint(self, name: str) -> str:
        """The URL of an endpoint."""
        raise NotImplementedError

    def add_client(
        self, redirect_uri: str, method: str = "none", client_id: str = "client", secret: str = ""
    ) -> Client:
        """Register a client by hand."""
        client = Client(client_id, secret or None, method, [redirect_uri])
        self.clients[client.id] = client
        return client

    def answer_registration(self, request: httpx.Request) -> httpx.Response:
        """Register a client (RFC 7591 section 3).

        Raises:
            OAuthError: it may not be registered.
        """
        asked = httpx.Response(200, content=request.content).json()
        self.registrations.append(asked)
        if asked["application_type"] in self.refused_types:
            raise OAuthError("invalid_redirect_uri")
        scopes = set(asked.get("scope", "").split())
        if self.registered_scopes is not None and scopes - set(self.registered_scopes):
            raise OAuthError("invalid_client_metadata")
        method = self.registered_method or asked.get(
            "token_endpoint_auth_method", "client_secret_basic"
        )
        if method not in self.auth_methods:
            raise OAuthError("invalid_client_metadata")
        number = next(self._numbers)
        client = Client(
            id=f"client/{number}:é",  # Needs encoding wherever it is sent.
            secret=None if method == "none" else f"s3cret %+&={secrets.token_urlsafe(8)}",
            method=method,
            redirect_uris=asked["redirect_uris"],
        )
        self.clients[client.id] = client
        answer = {**asked, "client_id": client.id, "token_endpoint_auth_method": method}
        if client.secret:
            answer |= {
                "client_secret": client.secret,
                "client_secret_expires_at": self.secret_expires_at,
            }
        if self.manages_registrations:
            answer |= self._manage(client, number)
        return json_reply(201, change(answer, self.registration_changes))

    def answer_deletion(self, request: httpx.Request) -> httpx.Response:
        """Delete a registration (RFC 7592 section 2.3)."""
        url = str(request.url)
        token = self.management_tokens.get(url)
        if token is None or request.headers.get("Authorization") != f"Bearer {token}":
            return httpx.Response(401)
        del self.management_tokens[url]
        del self.clients[self._managed.pop(url).id]
        return httpx.Response(204)

    def find_client(self, client_id: str) -> Client | None:
        """A client; one whose id is a URL is what the document there says."""
        if self.read_document and client_id.startswith("https://"):
            document = self.read_document(client_id)
            if document["client_id"] == client_id and document["client_name"]:
                method = document["token_endpoint_auth_method"]
                self.clients[client_id] = Client(client_id, None, method, document["redirect_uris"])
        return self.clients.get(client_id)

    def _manage(self, client: Client, number: int) -> dict[str, str]:
        url = f"{self.endpoint('register')}/{number}"
        self._managed[url] = client
        self.management_tokens[url] = f"manage-{secrets.token_urlsafe(24)}"
        return {
            "registration_client_uri": url,
            "registration_access_token": self.management_tokens[url],
        }


def change(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A document with members replaced; None removes one."""
    changed = {**document, **changes}
    return {name: value for name, value in changed.items() if value is not None}

"""An authorization server in this process; it takes every rule that it plays literally.

Its knobs are its attributes: set them when it is made, or turn them during a test.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import httpx

from chalicelib.primitives import utc_now
from tests.support.internet import FakeInternet, form_of, json_reply
from tests.support.registration import Client, OAuthError, Registrations, change

RFC8414 = "/.well-known/oauth-authorization-server{path}"
OPENID_INSERTED = "/.well-known/openid-configuration{path}"
OPENID_APPENDED = "{path}/.well-known/openid-configuration"

_CODE_SECONDS = 60


class AuthorizationRefusedError(Exception):
    """The server shows its user an error page and sends the browser nowhere."""


@dataclass
class Grant:
    """What a user approved: first a code, then tokens."""

    client_id: str
    redirect_uri: str
    challenge: str
    resource: str
    scope: str
    expires_at: datetime
    used: bool = False
    tokens: list[str] = field(default_factory=list)


@dataclass
class Token:
    """An access or refresh token."""

    grant: Grant
    kind: str
    expires_at: datetime | None


@dataclass
class AuthorizationServer(Registrations):
    """RFC 6749 with PKCE, RFC 7009, 7591, 7592, 8414, 8707, 9207, and a user who approves it all.

    Attributes:
        places: where its metadata is published; `{path}` stands for the issuer's path.
        metadata_changes: members to replace in its metadata; None removes one.
        endpoint_query: a query that its endpoints' URLs carry.
        resources: the only ones that it gives tokens for; empty means any.
        issues_iss: whether authorization responses carry `iss`.
        denies: whether its user refuses instead of approving.
    """

    issuer: str
    places: tuple[str, ...] = (RFC8414,)
    metadata_changes: dict[str, Any] = field(default_factory=dict)
    endpoint_query: str = ""
    resources: tuple[str, ...] = ()
    issues_iss: bool = True
    issues_refresh_tokens: bool = True
    revokes_refresh_tokens: bool = True
    token_seconds: int | None = 3600
    denies: bool = False
    clock: Callable[[], datetime] = utc_now
    codes: dict[str, Grant] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)

    def join(self, internet: FakeInternet) -> "AuthorizationServer":
        """Become reachable at the issuer's origin."""
        internet.add_host(self._origin, self.handle)
        return self

    def endpoint(self, name: str) -> str:
        """The URL of an endpoint: `authorize`, `token`, `register` or `revoke`."""
        base = f"{self._origin}{self._path}/{name}"
        return f"{base}?{self.endpoint_query}" if self.endpoint_query else base

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata document."""
        document: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": self.endpoint("authorize"),
            "token_endpoint": self.endpoint("token"),
            "registration_endpoint": self.endpoint("register"),
            "revocation_endpoint": self.endpoint("revoke"),
            "scopes_supported": ["everything", "and", "more"],
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": list(self.auth_methods),
            "authorization_response_iss_parameter_supported": self.issues_iss,
            "client_id_metadata_document_supported": self.read_document is not None,
        }
        return change(document, self.metadata_changes)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer as the server would."""
        path = request.url.path
        if request.method == "GET":
            places = {place.format(path=self._path) for place in self.places}
            return json_reply(200, self.metadata) if path in places else httpx.Response(404)
        if request.method == "DELETE":
            return self.answer_deletion(request)
        endpoints = {
            "token": self._answer_token_request,
            "register": self.answer_registration,
            "revoke": self._answer_revocation,
        }
        name = path.removeprefix(f"{self._path}/")
        if name not in endpoints or request.url.query.decode() != self.endpoint_query:
            return httpx.Response(404)
        try:
            return endpoints[name](request)
        except OAuthError as refusal:
            return refusal.reply

    def authorize(self, url: str) -> str:
        """Play the user who approves: the redirect that their browser would follow.

        Raises:
            AuthorizationRefusedError: the request is one that no server should answer.
        """
        endpoint, _, query = url.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
        asked = dict(pairs)
        if len(pairs) != len(asked) or endpoint != self.endpoint("authorize").partition("?")[0]:
            raise AuthorizationRefusedError("a parameter comes twice, or the endpoint is another")
        client = self.find_client(asked.get("client_id", ""))
        if client is None or asked.get("redirect_uri") not in client.redirect_uris:
            raise AuthorizationRefusedError("unknown client or redirect URI")
        self._check_authorization_request(asked)
        answer = {"state": asked["state"]} if "state" in asked else {}
        if self.issues_iss:
            answer["iss"] = self.issuer
        if self.denies:
            answer |= {"error": "access_denied", "error_description": "The user said no."}
        else:
            answer["code"] = self._issue_code(asked)
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def accepts(self, token: str, resource: str) -> bool:
        """Whether an access token is good for a resource now."""
        found = self.tokens.get(token)
        if found is None or found.kind != "access" or found.grant.resource != resource:
            return False
        return found.expires_at is None or found.expires_at > self.clock()

    def grants(self, token: str, scopes: str) -> bool:
        """Whether a token was given for scopes."""
        found = self.tokens.get(token)
        return found is not None and set(scopes.split()) <= set(found.grant.scope.split())

    @property
    def _origin(self) -> str:
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def _path(self) -> str:
        return urlsplit(self.issuer).path.rstrip("/")

    def _check_authorization_request(self, asked: dict[str, str]) -> None:
        if asked.get("response_type") != "code" or not asked.get("state"):
            raise AuthorizationRefusedError("not a code request with a state")
        challenge = asked.get("code_challenge", "")
        if asked.get("code_challenge_method") != "S256" or len(challenge) != 43:
            raise AuthorizationRefusedError("no S256 challenge")
        if not asked.get("resource") or (
            self.resources and asked["resource"] not in self.resources
        ):
            raise AuthorizationRefusedError("no resource, or an unknown one")
        for pair in filter(None, self.endpoint_query.split("&")):
            name, _, value = pair.partition("=")
            if asked.get(name) != value:
                raise AuthorizationRefusedError("the endpoint's own query is lost")

    def _issue_code(self, asked: dict[str, str]) -> str:
        code = secrets.token_urlsafe(16)
        self.codes[code] = Grant(
            client_id=asked["client_id"],
            redirect_uri=asked["redirect_uri"],
            challenge=asked["code_challenge"],
            resource=asked["resource"],
            scope=asked.get("scope", ""),
            expires_at=self.clock() + timedelta(seconds=_CODE_SECONDS),
        )
        return code

    def _answer_token_request(self, request: httpx.Request) -> httpx.Response:
        asked = _form(request)
        client = self._authenticate(request, asked)
        if asked.get("grant_type") == "authorization_code":
            grant = self._redeem_code(client, asked)
        elif asked.get("grant_type") == "refresh_token":
            grant = self._redeem_refresh_token(client, asked)
        else:
            raise OAuthError("unsupported_grant_type")
        if asked.get("resource") != grant.resource:
            raise OAuthError("invalid_target")
        return json_reply(200, self._issue_tokens(grant), **{"Cache-Control": "no-store"})

    def _redeem_code(self, client: Client, asked: dict[str, str]) -> Grant:
        grant = self.codes.get(asked.get("code", ""))
        if grant is None or grant.client_id != client.id or grant.expires_at <= self.clock():
            raise OAuthError("invalid_grant")
        if grant.used:
            # RFC 6749 section 4.1.2: what the code gave before is taken back.
            for token in grant.tokens:
                self.tokens.pop(token, None)
            raise OAuthError("invalid_grant")
        grant.used = True
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        verified = base64.urlsafe_b64encode(digest).decode().rstrip("=") == grant.challenge
        if not verified or asked.get("redirect_uri") != grant.redirect_uri:
            raise OAuthError("invalid_grant")
        return grant

    def _redeem_refresh_token(self, client: Client, asked: dict[str, str]) -> Grant:
        token = self.tokens.pop(asked.get("refresh_token", ""), None)
        if token is None or token.kind != "refresh" or token.grant.client_id != client.id:
            raise OAuthError("invalid_grant")
        return token.grant

    def _issue_tokens(self, grant: Grant) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "access_token": self._new_token(grant, "access", self.token_seconds),
            "token_type": "bearer",
            "scope": grant.scope,
        }
        if self.token_seconds is not None:
            answer["expires_in"] = self.token_seconds
        if self.issues_refresh_tokens:
            answer["refresh_token"] = self._new_token(grant, "refresh", None)
        return answer

    def _new_token(self, grant: Grant, kind: str, lifetime: int | None) -> str:
        token = f"{kind}-{secrets.token_urlsafe(24)}"
        expires_at = None if lifetime is None else self.clock() + timedelta(seconds=lifetime)
        self.tokens[token] = Token(grant, kind, expires_at)
        grant.tokens.append(token)
        return token

    def _answer_revocation(self, request: httpx.Request) -> httpx.Response:
        asked = _form(request)
        client = self._authenticate(request, asked)
        token = self.tokens.get(asked.get("token", ""))
        if token is not None and token.grant.client_id == client.id:
            if token.kind == "refresh" and not self.revokes_refresh_tokens:
                raise OAuthError("unsupported_token_type")
            revoked = token.grant.tokens if token.kind == "refresh" else [asked["token"]]
            for each in list(revoked):
                self.tokens.pop(each, None)
        return httpx.Response(200)

    def _authenticate(self, request: httpx.Request, asked: dict[str, str]) -> Client:
        """The client, if it authenticates in its own way and in no other (RFC 6749 section 2.3)."""
        header = request.headers.get("Authorization")
        client_id, secret = asked.get("client_id"), asked.get("client_secret")
        method = "none" if secret is None else "client_secret_post"
        if header is not None:
            if client_id is not None or secret is not None:
                raise OAuthError("invalid_request")
            method = "client_secret_basic"
            pair = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
            client_id, secret = unquote_plus(pair[0]), unquote_plus(pair[2])
        client = self.clients.get(client_id or "")
        if client is None or client.method != method or client.secret != secret:
            raise OAuthError("invalid_client", 401)
        return client


def _form(request: httpx.Request) -> dict[str, str]:
    try:
        return form_of(request)
    except ValueError as exc:
        raise OAuthError("invalid_request") from exc

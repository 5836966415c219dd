"""An OpenID Connect provider in this process, and a person with a browser who signs in at it.

Its knobs are its attributes: set them when it is made, or turn them during a test.
"""

import base64
import hashlib
import secrets
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from tests.support.clock import FakeClock
from tests.support.deployment import PUBLIC_URL, Deployment, start_deployment
from tests.support.internet import FakeInternet, form_of, json_reply

ISSUER = "https://id.example/realms/staff"
CLIENT_ID, CLIENT_SECRET = "ciborium+client", "s3cret %&+"
CALLBACK = "/api/v2/users/oidc/callback"
Key = OctKey | RSAKey | ECKey | OKPKey
# Making one takes a while.
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa-2", "use": "sig"})


@dataclass
class Staff:
    """Somebody whom the provider knows."""

    sub: str = "248289761001"
    email: str = "jane@example.com"
    email_verified: Any = True
    name: str = "Jane Doe"
    preferred_username: str = "jane.doe"

    @property
    def claims(self) -> dict[str, Any]:
        """What the provider says of them, apart from `sub`."""
        return {name: value for name, value in vars(self).items() if name != "sub"}


@dataclass
class Provider:
    """OIDC Core with PKCE, and RFC 9207.

    Attributes:
        person: who signs in next.
        key: what signs ID tokens.
        algorithm: with what.
        published: the keys that everybody may read.
        changes: members of ID tokens to replace; None removes one.
        header: members to add to their header.
        metadata_changes: members of the metadata to replace; None removes one.
        claims_in_id_token: whether the claims that scopes ask for stand there, or in UserInfo only.
        userinfo_changes: members of UserInfo to replace.
        denies: whether the person refuses.
        rotates: whether a refresh token is good only once.
        refresh_tokens: those that are good.
        token_seconds: how long access tokens are good.
    """

    clock: Callable[[], datetime]
    issuer: str = ISSUER
    person: Staff = field(default_factory=Staff)
    key: Key = field(default_factory=lambda: RSA)
    algorithm: str = "RS256"
    published: list[Key] = field(default_factory=lambda: [RSA])
    changes: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    metadata_changes: dict[str, Any] = field(default_factory=dict)
    claims_in_id_token: bool = True
    userinfo_changes: dict[str, Any] = field(default_factory=dict)
    denies: bool = False
    rotates: bool = True
    refresh_tokens: set[str] = field(default_factory=set)
    token_seconds: int = 300
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata document."""
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/me",
            "id_token_signing_alg_values_supported": [self.algorithm],
            "authorization_response_iss_parameter_supported": True,
        }
        changed = {**document, **self.metadata_changes}
        return {name: value for name, value in changed.items() if value is not None}

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer as the provider would."""
        path = str(request.url).removeprefix(self.issuer)
        if path == "/.well-known/openid-configuration":
            return json_reply(200, self.metadata)
        if path == "/jwks":
            return json_reply(200, dict(KeySet(self.published).as_dict()))
        if path == "/me" and request.headers.get("Authorization") == "Bearer login-access-token":
            return json_reply(
                200, {"sub": self.person.sub, **self.person.claims, **self.userinfo_changes}
            )
        if path == "/token":
            return self._answer_token_request(request)
        return httpx.Response(404)

    def authorize(self, url: str) -> str:
        """Play the person who signs in: the redirect that their browser would follow."""
        base, _, query = url.partition("?")
        asked = dict(parse_qsl(query, strict_parsing=True))
        assert base == f"{self.issuer}/auth"
        assert asked["tenant"] == "1"
        assert asked["redirect_uri"] == PUBLIC_URL + CALLBACK
        assert (asked["client_id"], asked["response_type"]) == (CLIENT_ID, "code")
        assert (len(asked["code_challenge"]), asked["code_challenge_method"]) == (43, "S256")
        assert "resource" not in asked
        answer = {"state": asked["state"], "iss": self.issuer}
        if self.denies:
            answer |= {"error": "access_denied", "error_description": "The person <b>said</b> no."}
        else:
            code = answer["code"] = secrets.token_urlsafe(16)
            self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def id_token(self, nonce: str) -> str:
        """An ID token for the person who signs in."""
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.issuer,
            "sub": self.person.sub,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **(self.person.claims if self.claims_in_id_token else {}),
            **self.changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid, **self.header}
        header = {name: value for name, value in header.items() if value is not None}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Some tests sign with what nobody should.
            return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])

    def _answer_token_request(self, request: httpx.Request) -> httpx.Response:
        form = form_of(request)
        self.forms.append(form)
        pair = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        client_id, _, secret = pair.partition(":")
        is_ours = (unquote_plus(client_id), unquote_plus(secret)) == (CLIENT_ID, CLIENT_SECRET)
        if form["grant_type"] == "refresh_token" and is_ours:
            return self._refresh(form["refresh_token"])
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            not is_ours
            or asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return json_reply(400, {"error": "invalid_grant"})
        self.refresh_tokens.add("login-refresh-token")
        answer = {
            "access_token": "login-access-token",
            "refresh_token": "login-refresh-token",
            "token_type": "Bearer",
            "expires_in": self.token_seconds,
            "id_token": self.id_token(asked["nonce"]),
        }
        return json_reply(200, answer)

    def _refresh(self, refresh_token: str) -> httpx.Response:
        """RFC 6749 section 6: new tokens, with numbers that count up."""
        if refresh_token not in self.refresh_tokens:
            return json_reply(400, {"error": "invalid_grant"})
        number = sum(form["grant_type"] == "refresh_token" for form in self.forms)
        answer = {
            "access_token": f"login-access-token-{number}",
            "token_type": "Bearer",
            "expires_in": self.token_seconds,
        }
        if self.rotates:
            answer["refresh_token"] = f"login-refresh-token-{number}"
            self.refresh_tokens = {f"login-refresh-token-{number}"}
        return json_reply(200, answer)


@dataclass
class Office:
    """A deployment whose people sign in at a provider."""

    deployment: Deployment
    internet: FakeInternet
    provider: Provider

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        """A browser in which nobody is signed in."""
        with self.deployment.client(Accept="text/html") as browser:
            yield browser

    def start(self, browser: httpx.Client, next_path: str = "") -> str:
        """Press the button; where the browser is sent."""
        params = {"next": next_path}
        started = browser.get("/api/v2/users/oidc/login", params=params)
        assert started.status_code == 303, started.text
        return str(started.headers["location"])

    def sign_in(self, browser: httpx.Client, next_path: str = "") -> httpx.Response:
        """The whole way; the callback's answer."""
        return browser.get(self.way_back(browser, next_path))

    def way_back(self, browser: httpx.Client, next_path: str = "") -> str:
        """Sign in at the provider; where the browser is sent then."""
        return str(self.provider.authorize(self.start(browser, next_path)))


SETTINGS = {
    "CIBORIUM_OIDC_ISSUER": ISSUER,
    "CIBORIUM_OIDC_CLIENT_ID": CLIENT_ID,
    "CIBORIUM_OIDC_CLIENT_SECRET": CLIENT_SECRET,
    "CIBORIUM_OIDC_CREATE_USERS": "on",
}


def open_office(deployment: Deployment, internet: FakeInternet) -> Office:
    """The provider of a deployment that has these settings."""
    provider = Provider(deployment.clock)
    parts = urlsplit(ISSUER)
    internet.add_host(f"{parts.scheme}://{parts.netloc}", provider.handle)
    return Office(deployment, internet, provider)


def start_office(**environment: str) -> Office:
    """A deployment, and the provider that it is configured for."""
    internet = FakeInternet()
    settings: dict[str, Any] = {**SETTINGS, **environment}
    return open_office(start_deployment(internet, **settings), internet)


def in_the_past(clock: FakeClock, **interval: float) -> int:
    """Seconds since 1970, some time ago."""
    return int((clock() - timedelta(**interval)).timestamp())

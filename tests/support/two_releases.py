"""Two releases on the same tables, queue and KMS key, the people of both, and what both reach."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import httpx

from chalicelib.primitives import utc_now
from infra.cloudformation import deploy, load_template
from infra.local.aws import LocalAWS
from infra.local.environments import ROOT
from infra.local.scripted_model import ScriptedModel
from tests.support.authorization_server import AuthorizationServer
from tests.support.chat_models import CHATS, KEY, create_config, create_provider
from tests.support.deployment import ADMIN_TOKEN, PUBLIC_URL
from tests.support.identity_provider import SETTINGS, Provider
from tests.support.internet import FakeInternet
from tests.support.journey import ORIGIN
from tests.support.loopback import Connection, LoopbackServer, answer
from tests.support.people import ME, ORGANIZATIONS, USERS
from tests.support.plain_server import PlainServer
from tests.support.releases import Release, previous_release, running, unpack
from tests.support.resource_server import ResourceServer
from tests.support.row_ledger import Ledger, keeping_ledger

_STAGE = "local"
_TABLES = f"ciborium-{_STAGE}-"
AUDIT, FILES = "/api/v2/audit", f"{CHATS}/files"


@dataclass(frozen=True)
class Human:
    """Somebody, and the token that they have of whichever release."""

    id: str
    name: str
    token: str

    def at(self, release: Release) -> httpx.Client:
        """Their client of a release."""
        return release.client(self.token)


@dataclass
class World:
    """Both releases, what they stand on, and what they reach.

    Attributes:
        old: the release before this one.
        new: the working tree.
        ledger: which rows have crossed from one to the other.
        authority: an authorization server.
        tickets: the MCP server that it protects.
        plain: an MCP server that remembers the headers that it was sent.
        staff: the OpenID Connect provider at which people sign in.
        pushed: what was pushed to each WebSocket.
        people: everybody whom a test has made.
        told: the names of the tests that have passed.
    """

    old: Release
    new: Release
    ledger: Ledger
    authority: AuthorizationServer
    tickets: ResourceServer
    plain: PlainServer
    plain_url: str
    staff: Provider
    model: ScriptedModel
    pushed: dict[str, list[bytes]]
    admin: Human
    organization_id: str
    people: list[Human] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    def join(self, release: Release, name: str) -> Human:
        """One release makes somebody, their token and their membership."""
        with self.admin.at(release) as admin:
            body = {"username": name, "email": f"{name}@example.com", "name": name.title()}
            user_id = created(admin.post(USERS, json=body))["id"]
            token = created(admin.post(f"{USERS}/{user_id}/keys/tokens", json={}))["key"]
            member = f"{ORGANIZATIONS}/{self.organization_id}/members/{user_id}"
            created(admin.post(member, json={"roles": []}))
        self.people.append(Human(user_id, name, token))
        return self.people[-1]

    def sign_in(self, release: Release, human: Human) -> CookieJar:
        """The cookies of a browser in which somebody has signed in at one release."""
        jar = CookieJar()
        with self.browser(release, jar) as browser:
            browser.post(f"{USERS}/login", json={"token": human.token}).raise_for_status()
        return jar

    def connect(
        self, human: Human, path: str, first: Release, second: Release, *, seconds: int
    ) -> list[str]:
        """Somebody opens a server's connect link at one release and comes back to the other.

        Their access tokens are good for so many seconds. Returns the scopes that were asked for.
        """
        jar = self.sign_in(first, human)
        self.authority.token_seconds = seconds
        with self.browser(first, jar) as browser:
            asked = browser.get(f"{path}/oauth2/connect").headers["Location"]
        with self.browser(second, jar) as browser:
            page = browser.get(self.authority.authorize(asked))
            assert "You may close this window" in page.text
        return str(httpx.URL(asked).params.get("scope", "")).split()

    def offer_model(self, release: Release, **changes: Any) -> str:
        """One release gets a provider with a key, and a model that costs something; its id."""
        with self.admin.at(release) as admin:
            provider = {"base_url": self.model.base_url, "api_key": self.model.api_key}
            made = create_provider(admin, enabled=True, **provider)["id"]
            body = {"model": "scripted", "input_price": 1_000_000, "output_price": 9}
            return str(create_config(admin, made, enabled=True, **body, **changes)["id"])

    def browser(self, release: Release, jar: CookieJar) -> httpx.Client:
        """A browser with these cookies, which one release serves now."""
        return release.client(jar=jar, Accept="text/html", **ORIGIN)


def created(answer: httpx.Response) -> dict[str, Any]:
    """What was created."""
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def got(answer: httpx.Response) -> Any:
    """What was answered with success."""
    assert answer.is_success, f"{answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def require_same(one: Any, other: Any) -> None:
    """Compare what two releases say; either may tell of things of which the other does not."""
    assert _shared(one, other) == _shared(other, one)


def _shared(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _shared(one[name], other[name]) for name in one if name in other}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_shared(*each) for each in zip(one, other, strict=True)]
    return one


@contextmanager
def on_loopback(internet: FakeInternet, count: int) -> Iterator[list[str]]:
    """Let other processes reach an internet, under so many origins; these."""

    def respond(server: int, connection: Connection, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        method, path, _ = line.split(" ")
        pairs = [(name, value) for name, _, value in (each.partition(": ") for each in fields)]
        asked = httpx.Request(method, origins[server] + path, headers=pairs, content=body)
        said = internet.handle_request(asked)
        names = {"content-length", "transfer-encoding"}
        headers = {n.replace("-", "_"): v for n, v in said.headers.items() if n not in names}
        status = f"{said.status_code} {HTTPStatus(said.status_code).phrase}"
        connection.send(answer(status, said.content, **headers))

    servers = [
        LoopbackServer(lambda connection, request, n=n: respond(n, connection, request))  # type: ignore[misc]
        for n in range(count)
    ]
    origins = [each.url("") for each in servers]
    try:
        yield origins
    finally:
        for each in servers:
            each.close()


@contextmanager
def two_releases(folder: Path) -> Iterator[World]:
    """The old release and the working tree, side by side, as in the minutes of an upgrade."""
    old_code = unpack(previous_release(), folder / "code")
    internet = FakeInternet()
    with (
        ScriptedModel(api_key=KEY) as model,
        on_loopback(internet, 4) as (login, tickets, plain_url, staff),
        _running_aws(folder) as aws,
        keeping_ledger(aws.endpoint, _TABLES) as (ledger, endpoint),
    ):
        pushed: dict[str, list[bytes]] = {}
        internet.add_host(plain_url, lambda request: _take_push(pushed, request))
        provider = Provider(utc_now, issuer=f"{staff}/realms/staff", token_seconds=5)
        internet.add_host(staff, provider.handle)
        settings = {
            **aws.environment(),
            **SETTINGS,
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
            "CIBORIUM_OIDC_ISSUER": provider.issuer,
            "CIBORIUM_STAGE": _STAGE,
            "CIBORIUM_PUBLIC_URL": PUBLIC_URL,
            "CIBORIUM_STREAM_URL": f"{plain_url}/api".replace("http", "ws", 1),
            "CIBORIUM_ALLOWED_PRIVATE_CIDRS": "127.0.0.0/8",
            "CIBORIUM_REAPER_SECONDS": "600",  # Hints must do: it would make up for lost ones.
        }
        old, new = (
            Release(name, code, folder, {**settings, "AWS_ACCESS_KEY_ID": name}, PUBLIC_URL)
            for name, code in (("old", old_code), ("new", ROOT))
        )
        cloudformation = aws.client("cloudformation")
        parameters = {"Stage": _STAGE, "DeletionProtection": "false"}
        for release in (old, new):  # The stack is changed first, the functions follow.
            template = load_template(str(release.code / "infra" / "data.yaml"))
            deploy(cloudformation, "ciborium-local", template, parameters)
        with running(old, new):
            old.operate("first-admin", typed=ADMIN_TOKEN)
            with old.client(ADMIN_TOKEN) as admin:
                me, (organization,) = got(admin.get(ME)), got(admin.get(ORGANIZATIONS))
            authority = AuthorizationServer(login, manages_registrations=True).join(internet)
            yield World(
                old=old,
                new=new,
                ledger=ledger,
                authority=authority,
                tickets=ResourceServer(f"{tickets}/mcp", [authority]).join(internet),
                plain=_join(PlainServer(), internet, f"{plain_url}/mcp"),
                plain_url=f"{plain_url}/mcp",
                staff=provider,
                model=model,
                pushed=pushed,
                admin=Human(me["id"], "admin", ADMIN_TOKEN),
                organization_id=organization["id"],
            )


@contextmanager
def _running_aws(folder: Path) -> Iterator[LocalAWS]:
    aws = LocalAWS(folder)
    aws.start()
    try:
        yield aws
    finally:
        aws.stop()


def _join(server: PlainServer, internet: FakeInternet, url: str) -> PlainServer:
    internet.add_page(url, server.handle)
    return server


def _take_push(pushed: dict[str, list[bytes]], request: httpx.Request) -> httpx.Response:
    """What API Gateway does with a post to `@connections`."""
    _, is_one, connection_id = request.url.path.partition("/@connections/")
    if not is_one:
        return httpx.Response(404)
    pushed.setdefault(connection_id, []).append(request.content)
    return httpx.Response(200)

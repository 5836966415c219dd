"""A deployment in which each field that is kept sealed has a value, and ways to use each."""

from typing import Any

import httpx
from click.testing import CliRunner

from chalicelib.bootstrap.operations import Operations
from chalicelib.encryption.fields import SEALED_FIELDS
from infra.operator.app import cli
from infra.operator.context import Operator
from tests.support import aws
from tests.support.chat_models import KEY, create_config, create_provider
from tests.support.cli import Ran
from tests.support.deployment import PUBLIC_URL, Deployment, start_deployment
from tests.support.identity_provider import SETTINGS, open_office
from tests.support.journey import start_world
from tests.support.people import (
    ME,
    USERS,
    Person,
    default_organization,
    join,
    new_person,
)
from tests.support.plain_server import PLAIN_URL, PlainServer
from tests.support.servers import SERVERS, create_server
from tests.support.tables import table_items

FILES = "/api/experimental/chats/files"
STORED = {(each.table, each.name) for each in SEALED_FIELDS if each.stored}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(17)
_KEPT = "0d5b6f3e-8f0a-4c4e-9d29-6a5c6f6d8f10"


def operations_of(deployment: Deployment) -> Operations:
    """What the operator's program does, over a deployment's own clients."""
    clients = {each.meta.service_model.service_name: each for each in deployment.aws_clients}
    return Operations(
        deployment.settings,
        database=deployment.database,
        aws_client=clients.__getitem__,
        clock=deployment.clock,
    )


class Office:
    """Mara has a connection, header values and a file; Jane has signed in at the provider.

    Attributes:
        mara: a member of the default organisation, and of no other.
        tickets: the id of a server behind OAuth2 to which she is connected.
        plain: a server that remembers what it was sent.
        paths: servers with a key, with an admin's headers, with a user's, with sign-in tokens.
        kept: what a request under an idempotency key was answered.
    """

    def __init__(self) -> None:
        self.world = start_world(SETTINGS, manages_registrations=True)
        self.deployment = self.world.deployment
        self.organization_id = default_organization(self.deployment)
        self.mara = new_person(self.deployment)
        join(self.deployment, self.organization_id, self.mara)
        self.tickets: str = self.world.register()["id"]
        self.world.connect_as(self.mara.token, self.tickets)
        self.plain = PlainServer().join(self.world.internet)
        self.staff = open_office(self.deployment, self.world.internet)
        self.jane = self._sign_in()
        self.paths = self._add_servers()
        self._enter_headers()
        self.model_id = self._add_model()
        self.file = self._upload(self.mara, self.organization_id)
        self.kept = self.create_under_key(self.deployment).content

    def another_container(self, **environment: str) -> Deployment:
        """A cold one beside the first; perhaps of another stage."""
        settings: dict[str, Any] = {**SETTINGS, **environment}
        return start_deployment(self.world.internet, clock=self.deployment.clock, **settings)

    def run(self, *arguments: str, stage: str = aws.STAGE, typed: str = "") -> Ran:
        """Run the operator's program."""
        environment = {"CIBORIUM_STAGE": stage, "CIBORIUM_PUBLIC_URL": PUBLIC_URL}
        egress = self.deployment.egress
        operator = Operator(environment, clock=self.deployment.clock, egress=egress)
        result = CliRunner().invoke(cli, arguments, obj=operator, input=typed)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    def require_everything_opens(self, deployment: Deployment | None = None) -> None:
        """Use each value, in a container that knows no key yet."""
        deployment = deployment or self.another_container()
        self.plain.seen.clear()
        with deployment.client(self.mara.token) as mara, deployment.client(self.jane) as jane:
            answers = [
                mara.get(f"{SERVERS}/{self.tickets}/tools?refresh=true"),
                *(
                    mara.get(f"{self.paths[each]}/tools?refresh=true")
                    for each in ("key", "headers")
                ),
                jane.get(f"{self.paths['oidc']}/tools?refresh=true"),
            ]
            assert [each.status_code for each in answers] == [200] * 4, [
                each.text for each in answers
            ]
            assert mara.get(self.file, headers={"Accept": "image/png"}).content == PNG
        assert "sentinel-api-key" in self.plain.values_of("X-Key")
        assert "sentinel-own" in self.plain.values_of("X-Own")
        assert "sentinel-admin" in self.plain.values_of("X-Admin")
        bearers = [each for each in self.plain.values_of("Authorization") if each]
        assert any(each.startswith("Bearer login-access-token") for each in bearers)
        usable = deployment.services.models.find_usable(self.model_id)
        assert usable
        assert usable.api_key == KEY
        assert self.create_under_key(deployment).content == self.kept

    def require_refreshing_works(self) -> None:
        """Use what is opened only when tokens have expired, and when a server is deleted."""
        self.deployment.clock.advance(hours=2)
        deployment = self.another_container()
        with deployment.client(self.mara.token) as mara, deployment.client(self.jane) as jane:
            for client, path in (
                (mara, f"{SERVERS}/{self.tickets}"),
                (jane, self.paths["oidc"]),
            ):
                answer = client.get(f"{path}/tools?refresh=true")
                assert answer.status_code == 200, answer.text
        assert self.world.authorization_server.clients
        with deployment.admin as admin:
            admin.delete(f"{SERVERS}/{self.tickets}").raise_for_status()
        assert not self.world.authorization_server.clients  # By the registration's own token.

    def create_under_key(self, deployment: Deployment) -> httpx.Response:
        """Send the same request under the same key."""
        with deployment.client(self.mara.token) as mara:
            headers = {"Idempotency-Key": _KEPT}
            return mara.post(f"{ME}/keys/tokens", json={}, headers=headers).raise_for_status()

    def _sign_in(self) -> str:
        with self.staff.browser() as browser, self.deployment.admin as admin:
            assert self.staff.sign_in(browser).status_code == 200
            user_id = browser.get(ME, headers={"Accept": "application/json"}).json()["id"]
            key = admin.post(f"{USERS}/{user_id}/keys/tokens", json={}).raise_for_status()
        return str(key.json()["key"])

    def _add_servers(self) -> dict[str, str]:
        kinds: dict[str, dict[str, Any]] = {
            "key": {
                "auth_type": "api_key",
                "api_key_header": "X-Key",
                "api_key_value": "sentinel-api-key",
            },
            "headers": {
                "auth_type": "custom_headers",
                "custom_headers": {"X-Admin": "sentinel-admin"},
                "user_header_names": ["X-Own"],
            },
            "oidc": {"auth_type": "user_oidc"},
        }
        with self.deployment.admin as admin:
            made = {
                slug: create_server(admin, slug=slug, enabled=True, url=PLAIN_URL, **body)
                for slug, body in kinds.items()
            }
        return {slug: f"{SERVERS}/{each['id']}" for slug, each in made.items()}

    def _enter_headers(self) -> None:
        body = {"values": {"X-Own": "sentinel-own"}}
        path = f"{self.paths['headers']}/user-headers"
        self.mara.client.put(path, json=body).raise_for_status()

    def _add_model(self) -> str:
        with self.deployment.admin as admin:
            provider = create_provider(admin, enabled=True)
            return str(create_config(admin, provider["id"], enabled=True)["id"])

    def _upload(self, person: Person, organization_id: str) -> str:
        answer = person.client.post(
            f"{FILES}?organization={organization_id}",
            content=PNG,
            headers={"Content-Type": "image/png"},
        )
        return f"{FILES}/{answer.raise_for_status().json()['id']}"


def sealed_values() -> dict[tuple[str, str], list[bytes]]:
    """Whatever looks sealed in any attribute of any table, by table and attribute."""
    found: dict[tuple[str, str], list[bytes]] = {}
    for table in _tables():
        for row in table_items(table):
            for name, value in row.items():
                content = value.get("B")
                if content and bytes(content)[:2] == b"\x01\x01" and len(content) >= 98:
                    found.setdefault((table, name), []).append(bytes(content))
    return found


def key_ids_in(values: dict[tuple[str, str], list[bytes]]) -> set[bytes]:
    """The ids of the data keys that seal values."""
    return {each[2:18] for values_of_one in values.values() for each in values_of_one}


def _tables() -> list[str]:
    names = aws.client("dynamodb").list_tables()["TableNames"]
    prefix = f"ciborium-{aws.STAGE}-"
    return [each.removeprefix(prefix) for each in names if each.startswith(prefix)]

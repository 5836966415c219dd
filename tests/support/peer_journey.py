"""A deployment in this process, real servers on loopback, and a browser that reaches them all."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.deployment import Deployment, InProcessTransport, start_deployment
from tests.support.servers import SERVERS, create_server

_LOOPBACK: dict[str, Any] = {"CIBORIUM_ALLOWED_PRIVATE_CIDRS": "127.0.0.0/8"}


@dataclass
class PeerWorld:
    """A deployment that reaches loopback, and a member of it called Mara."""

    deployment: Deployment
    mara: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.mara = self.deployment.new_member()

    def register(self, url: str, **changes: Any) -> dict[str, Any]:
        """The admin registers an MCP server, by its URL alone unless told more."""
        with self.deployment.admin as admin:
            return create_server(
                admin, **{"url": url, "auth_type": "oauth2", "enabled": True, **changes}
            )

    @property
    def public_url(self) -> str:
        """Where browsers reach the deployment."""
        return self.deployment.settings.public_url.url("")

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        """A browser in which Mara is signed in; it follows redirects and keeps cookies."""
        public_url = self.deployment.settings.public_url
        ours = InProcessTransport(self.deployment.app, public_url.path, self.deployment.roles)
        token = self.mara.headers["Authorization"].removeprefix("Bearer ")
        with httpx.Client(
            mounts={public_url.origin: ours},
            follow_redirects=True,
            headers={"Accept": "text/html"},
        ) as browser:
            browser.post(
                f"{self.public_url}/api/v2/users/login",
                json={"token": token},
                headers={"Origin": public_url.origin},
            ).raise_for_status()
            yield browser

    def connect(self, server_id: str) -> httpx.Response:
        """Mara opens the connect link in a browser, and approves; the page that she ends on."""
        with self.browser() as browser:
            return browser.get(f"{self.public_url}{SERVERS}/{server_id}/oauth2/connect")

    def list_tools(self, server_id: str) -> httpx.Response:
        """The tools that Mara gets."""
        return self.mara.get(f"{SERVERS}/{server_id}/tools")

    def tool_names(self, server_id: str) -> list[str]:
        """The names of these tools; it must work."""
        answer = self.list_tools(server_id)
        assert answer.status_code == 200, answer.text
        return [tool["name"] for tool in answer.json()["tools"]]

    def call_tool(self, server_id: str, name: str, **arguments: Any) -> httpx.Response:
        """What Mara gets when she calls a tool."""
        body = {"name": name, "arguments": arguments}
        return self.mara.post(f"{SERVERS}/{server_id}/tools/call", json=body)

    @contextmanager
    def more_containers(self, count: int) -> Iterator[list[httpx.Client]]:
        """Mara's clients of other Lambdas over the same tables, with caches of their own."""
        never, token = threading.Event(), self.mara.headers["Authorization"]
        with ExitStack() as stack:
            others = [
                start_deployment(
                    clock=self.deployment.clock, pause=lambda _: never.wait(0.2), **_LOOPBACK
                )
                for _ in range(count)
            ]
            for other in others:
                stack.callback(other.egress.close)
            yield [stack.enter_context(other.client(Authorization=token)) for other in others]


def list_at_once(containers: Sequence[httpx.Client], server_id: str) -> list[int]:
    """The statuses of tool listings that begin together."""
    ready = threading.Barrier(len(containers))

    def list_in(client: httpx.Client) -> int:
        ready.wait(10)
        return client.get(f"{SERVERS}/{server_id}/tools").status_code

    with ThreadPoolExecutor(len(containers)) as pool:
        return list(pool.map(list_in, containers))


@contextmanager
def peer_world(**settings: Any) -> Iterator[PeerWorld]:
    """Start one; its connections are closed in the end."""
    deployment = start_deployment(**_LOOPBACK, **settings)
    world = PeerWorld(deployment)
    try:
        with world.mara:
            yield world
    finally:
        deployment.egress.close()

"""One authorization server and one MCP server, on different hosts of a fake internet."""

import pytest

from chalicelib.egress import Egress
from tests.support.authorization_server import AuthorizationServer
from tests.support.internet import FakeInternet
from tests.support.resource_server import ResourceServer


@pytest.fixture
def internet() -> FakeInternet:
    return FakeInternet()


@pytest.fixture
def egress(internet: FakeInternet) -> Egress:
    return internet.egress()


@pytest.fixture
def auth(internet: FakeInternet) -> AuthorizationServer:
    return AuthorizationServer("https://auth.example").join(internet)


@pytest.fixture
def mcp(internet: FakeInternet, auth: AuthorizationServer) -> ResourceServer:
    return ResourceServer("https://tools.example/mcp", [auth]).join(internet)

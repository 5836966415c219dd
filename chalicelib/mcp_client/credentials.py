"""What authorises a user's requests to a server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chalicelib.encryption import Place, Vault
from chalicelib.encryption.fields import SERVER_API_KEY, SERVER_CUSTOM_HEADERS
from chalicelib.identity.models import Actor
from chalicelib.mcp_client.catalog import CatalogKey
from chalicelib.mcp_client.client import Target
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.oauth2.access import AccessTokens
from chalicelib.oauth2.models import Connection
from chalicelib.sdk.mcp_servers import AuthType

_AUTHORIZATION = "Authorization"


@dataclass(frozen=True, slots=True)
class Access:
    """One user's way to one server.

    Attributes:
        headers: what authorises requests.
        grant: when the user connected, where they must; a new connection may show other tools.
    """

    server: MCPServer
    user_id: str
    headers: Mapping[str, str] = field(repr=False)
    grant: str = ""

    @property
    def target(self) -> Target:
        """Where requests go, and with what."""
        return Target(self.server.url, self.headers, self.server.transport)

    @property
    def catalog_key(self) -> CatalogKey:
        """Under which the tools that it shows are remembered."""
        return CatalogKey(self.server.id, self.server.version, self.user_id, self.grant)


class Credentials:
    """Gives users access to servers; lives as long as the container."""

    def __init__(self, tokens: AccessTokens, vault: Vault) -> None:
        self._tokens = tokens
        self._vault = vault

    def open(self, actor: Actor, server: MCPServer, connection: Connection | None) -> Access:
        """The actor's access to a server (`coder-reference.md` 5.3).

        Raises:
            ConnectRequiredError: the actor must connect first, or again.
            RefreshError, RefreshBusyError, EgressConnectionError, EgressTimeoutError: the provider
                did not renew an expired token this time.
        """
        headers: Mapping[str, str] = {}
        grant = ""
        if server.auth_type is AuthType.OAUTH2:
            headers = {_AUTHORIZATION: self._tokens.header(actor, connection, server)}
            grant = connection.created_at.isoformat() if connection else ""
        elif server.auth_type is AuthType.API_KEY:
            key = self._vault.open(server.api_key_value, Place(SERVER_API_KEY, server.id))
            headers = {server.api_key_header: key}
        elif server.auth_type is AuthType.CUSTOM_HEADERS:
            place = Place(SERVER_CUSTOM_HEADERS, server.id)
            headers = json.loads(self._vault.open(server.custom_headers, place) or "{}")
        return Access(server, actor.user_id, headers, grant)

    def renew(self, actor: Actor, refused: Access) -> Access | None:
        """Another access than one that the server has just refused with 401, if there is one.

        Raises:
            ConnectRequiredError: the connection has gone or ended meanwhile.
            RefreshError, RefreshBusyError, EgressConnectionError, EgressTimeoutError: the provider
                did not renew the token this time.
        """
        used = refused.headers[_AUTHORIZATION]
        header = self._tokens.find_other_header(actor, refused.server, used)
        return None if header is None else replace(refused, headers={_AUTHORIZATION: header})

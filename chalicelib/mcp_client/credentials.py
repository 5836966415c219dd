"""What authorises a user's requests to a server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from chalicelib.encryption import Place, Vault
from chalicelib.encryption.fields import SERVER_API_KEY, SERVER_CUSTOM_HEADERS
from chalicelib.identity.models import Actor
from chalicelib.mcp_client.catalog import CatalogKey
from chalicelib.mcp_client.client import Target
from chalicelib.mcp_client.errors import SignInRequiredError
from chalicelib.mcp_client.identity_headers import NOWHERE, Origin, with_identity
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.oauth2.access import AccessTokens
from chalicelib.oauth2.models import Connection
from chalicelib.oauth2.user_headers import open_user_headers
from chalicelib.sdk.mcp_servers import AuthType

_AUTHORIZATION = "Authorization"


class SignInTokens(Protocol):
    """The access tokens that users' sign-ins at the identity provider gave; `bootstrap` has them.

    They go to servers with `auth_type: user_oidc` and nowhere else.
    """

    def find_access_token(self, user_id: str) -> str | None:
        """A user's access token, fresh if it can be; None if there is no usable one.

        Raises:
            CiboriumError: an expired token was not renewed this time.
        """


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
        return self.target_from(NOWHERE)

    def target_from(self, origin: Origin) -> Target:
        """The same for a use that comes from a chat, which the server may be told."""
        headers = self.headers
        if self.server.forward_identity_headers:
            headers = with_identity(headers, self.user_id, origin)
        return Target(self.server.url, headers, self.server.transport)

    @property
    def catalog_key(self) -> CatalogKey:
        """Under which the tools that it shows are remembered."""
        return CatalogKey(self.server.id, self.server.version, self.user_id, self.grant)


class Credentials:
    """Gives users access to servers; lives as long as the container.

    Args:
        tokens: the users' connections.
        vault: opens what admins entered.
        sign_in_tokens: what users' sign-ins gave.
        login_url: where users sign in.
    """

    def __init__(
        self, tokens: AccessTokens, vault: Vault, sign_in_tokens: SignInTokens, login_url: str
    ) -> None:
        self._tokens = tokens
        self._vault = vault
        self._sign_in_tokens = sign_in_tokens
        self._login_url = login_url

    def open(self, actor: Actor, server: MCPServer, connection: Connection | None) -> Access:
        """The actor's access to a server (`coder-reference.md` 5.3).

        Raises:
            ConnectRequiredError: the actor must connect first, or again.
            UserHeadersRequiredError: the actor must enter header values first.
            SignInRequiredError: the actor must sign in through the identity provider first.
            RefreshError, RefreshBusyError, EgressConnectionError, EgressTimeoutError,
            UpstreamError: the provider did not renew an expired token this time.
        """
        headers: Mapping[str, str] = {}
        grant = connection.created_at.isoformat() if connection and server.is_personal else ""
        if server.auth_type is AuthType.OAUTH2:
            headers = {_AUTHORIZATION: self._tokens.header(actor, connection, server)}
        elif server.auth_type is AuthType.API_KEY:
            key = self._vault.open(server.api_key_value, Place(SERVER_API_KEY, server.id))
            headers = {server.api_key_header: key}
        elif server.auth_type is AuthType.CUSTOM_HEADERS:
            place = Place(SERVER_CUSTOM_HEADERS, server.id)
            headers = json.loads(self._vault.open(server.custom_headers, place) or "{}")
            if server.user_header_names:
                own = open_user_headers(self._vault, connection, server)
                headers = {**headers, **own}
        elif server.auth_type is AuthType.USER_OIDC:
            headers = {_AUTHORIZATION: f"Bearer {self._sign_in_token(actor)}"}
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

    def _sign_in_token(self, actor: Actor) -> str:
        token = self._sign_in_tokens.find_access_token(actor.user_id)
        if not token:
            raise SignInRequiredError(self._login_url)
        return token

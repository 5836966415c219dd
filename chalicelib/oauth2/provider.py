"""A server's authorization server, as our client speaks with it for one user."""

from contextlib import suppress

from chalicelib.egress import Egress
from chalicelib.errors import CiboriumError
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.oauth2.models import TokenResponse
from chalicelib.oauth2.revocation import revoke_token
from chalicelib.oauth2.token_endpoint import exchange_code, refresh_access_token
from chalicelib.oauth2.tokens import TokenSealer, resource_of


class Provider:
    """The token and revocation endpoints; lives as long as the container, and stores nothing."""

    def __init__(self, egress: Egress, tokens: TokenSealer) -> None:
        self._egress = egress
        self._tokens = tokens

    def exchange(
        self, server: MCPServer, code: str, code_verifier: str, redirect_uri: str
    ) -> TokenResponse:
        """As `exchange_code`."""
        return exchange_code(
            self._egress,
            self._tokens.client_of(server),
            token_endpoint=server.oauth2.token_url,
            code=code,
            code_verifier=code_verifier,
            redirect_uri=redirect_uri,
            resource=resource_of(server),
        )

    def refresh(self, server: MCPServer, refresh_token: str) -> TokenResponse:
        """As `refresh_access_token`."""
        return refresh_access_token(
            self._egress,
            self._tokens.client_of(server),
            token_endpoint=server.oauth2.token_url,
            refresh_token=refresh_token,
            resource=resource_of(server),
        )

    def revoke(self, server: MCPServer, access_token: str, refresh_token: str) -> bool:
        """As `revoke_token`; False if the server revokes no tokens."""
        if not server.oauth2.revocation_url:
            return False
        revoke_token(
            self._egress,
            self._tokens.client_of(server),
            revocation_endpoint=server.oauth2.revocation_url,
            access_token=access_token,
            refresh_token=refresh_token,
        )
        return True

    def revoke_unstored(self, server: MCPServer, tokens: TokenResponse) -> None:
        """End tokens that were granted and cannot be kept: nobody else knows them.

        It is tried once; whether it succeeds changes nothing for the caller.
        """
        with suppress(CiboriumError):
            self.revoke(server, tokens.access_token, tokens.refresh_token or "")

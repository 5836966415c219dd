"""From requests to servers: secrets are sealed here, on their way in."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.encryption import DEPLOYMENT_SCOPE, Place, Vault
from chalicelib.encryption.fields import (
    SERVER_API_KEY,
    SERVER_CLIENT_SECRET,
    SERVER_CUSTOM_HEADERS,
    SERVER_REGISTRATION_TOKEN,
)
from chalicelib.encryption.models import SealedField
from chalicelib.errors import Validation
from chalicelib.mcp_servers.errors import InvalidServerError
from chalicelib.mcp_servers.models import MCPServer, OAuth2Client, Registration, build_slug
from chalicelib.mcp_servers.ports import ProvisionedClient
from chalicelib.primitives import Clock, new_id

if TYPE_CHECKING:
    from pydantic import SecretStr

    from chalicelib.sdk.requests.mcp_servers import (
        CreateMCPServerConfigRequest,
        UpdateMCPServerConfigRequest,
    )

_PLAIN_FIELDS = (
    *("display_name", "slug", "description", "icon_url", "transport", "url", "auth_type"),
    *("api_key_header", "availability", "enabled", "model_intent", "allow_in_plan_mode"),
    *("forward_identity_headers", "tool_rules", "tool_changes"),
)
_LIST_FIELDS = ("user_header_names", "tool_allow_list", "tool_deny_list", "organization_ids")
_CLIENT_FIELDS = ("client_id", "auth_url", "token_url", "revocation_url", "issuer", "scopes")


class ServerDrafts:
    """Builds servers from requests; stores nothing."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def build(self, actor_id: str, request: "CreateMCPServerConfigRequest") -> MCPServer:
        """A new server as requested.

        Raises:
            InvalidServerError: no slug is given and none can be made.
        """
        server_id, now = new_id(), self._clock()
        plain = {name: getattr(request, name) for name in _PLAIN_FIELDS}
        plain["forward_identity_headers"] = bool(request.forward_identity_headers)
        plain["slug"] = request.slug or build_slug(request.display_name)
        if not plain["slug"]:
            raise InvalidServerError(
                "No slug can be made from the display name.",
                [Validation("slug", "is required for this display_name")],
            )
        return MCPServer(
            id=server_id,
            oauth2=OAuth2Client(
                client_secret=self._seal(
                    SERVER_CLIENT_SECRET, server_id, request.oauth2_client_secret
                ),
                issuer_is_pinned=bool(request.oauth2_issuer),
                scopes_are_chosen=bool(request.oauth2_scopes),
                **{name: getattr(request, f"oauth2_{name}") for name in _CLIENT_FIELDS},
            ),
            api_key_value=self._seal(SERVER_API_KEY, server_id, request.api_key_value),
            custom_headers=self._seal_headers(server_id, request.custom_headers),
            user_header_names=tuple(request.user_header_names),
            tool_allow_list=tuple(request.tool_allow_list),
            tool_deny_list=tuple(request.tool_deny_list),
            organization_ids=tuple(request.organization_ids),
            created_by=actor_id,
            updated_by=actor_id,
            created_at=now,
            updated_at=now,
            **plain,
        )

    def merge(self, server: MCPServer, request: "UpdateMCPServerConfigRequest") -> MCPServer:
        """The server with the requested changes; null and absent members change nothing."""
        changes = {
            name: getattr(request, name)
            for name in (*_PLAIN_FIELDS, *_LIST_FIELDS)
            if getattr(request, name) is not None
        }
        for name in _LIST_FIELDS:
            if name in changes:
                changes[name] = tuple(changes[name])
        if request.api_key_value is not None:
            changes["api_key_value"] = self._seal(SERVER_API_KEY, server.id, request.api_key_value)
        if request.custom_headers is not None:
            changes["custom_headers"] = self._seal_headers(server.id, request.custom_headers)
        changes["oauth2"] = self._merge_client(server, request)
        return replace(server, **changes)

    def build_client(self, server: MCPServer, found: ProvisionedClient) -> OAuth2Client:
        """The client that discovery or registration yielded; what the admin chose stands.

        Except for a revocation endpoint of another authorization server than the one found: that
        one must not see the tokens of this one.
        """
        known = server.oauth2
        stays = known.issuer in {"", found.issuer}
        secret = self._seal(SERVER_CLIENT_SECRET, server.id, found.client_secret)
        if found.registration is Registration.MANUAL:
            secret = known.client_secret
        return OAuth2Client(
            client_id=found.client_id,
            client_secret=secret,
            auth_url=found.auth_url,
            token_url=found.token_url,
            revocation_url=(known.revocation_url if stays else "") or found.revocation_url,
            scopes=known.scopes if known.scopes_are_chosen else found.scopes,
            scopes_are_chosen=known.scopes_are_chosen,
            issuer=found.issuer,
            issuer_is_pinned=known.issuer_is_pinned,
            issues_iss=found.issues_iss,
            resource=found.resource,
            token_auth_method=found.token_auth_method,
            registration=found.registration,
            secret_expires_at=found.secret_expires_at,
            registration_uri=found.registration_uri,
            registration_token=self._seal(
                SERVER_REGISTRATION_TOKEN, server.id, found.registration_token
            ),
        )

    def custom_header_names(self, server: MCPServer) -> set[str]:
        """The names of the headers whose values an admin entered, in lower case."""
        opened = self._vault.open(server.custom_headers, Place(SERVER_CUSTOM_HEADERS, server.id))
        return {name.lower() for name in json.loads(opened or "{}")}

    def open_registration_token(self, server: MCPServer) -> str:
        """The registration access token in the clear; empty if there is none."""
        place = Place(SERVER_REGISTRATION_TOKEN, server.id)
        return self._vault.open(server.oauth2.registration_token, place)

    def _merge_client(
        self, server: MCPServer, request: "UpdateMCPServerConfigRequest"
    ) -> OAuth2Client:
        changes = {
            name: getattr(request, f"oauth2_{name}")
            for name in _CLIENT_FIELDS
            if getattr(request, f"oauth2_{name}") is not None
        }
        client = replace(server.oauth2, **changes)
        if request.oauth2_scopes is not None:
            client = replace(client, scopes_are_chosen=bool(request.oauth2_scopes))
        if request.oauth2_client_secret is not None:
            sealed = self._seal(SERVER_CLIENT_SECRET, server.id, request.oauth2_client_secret)
            client = replace(client, client_secret=sealed, token_auth_method="")
        by_hand = ("client_id", "auth_url", "token_url")
        if any(getattr(client, name) != getattr(server.oauth2, name) for name in by_hand):
            # What discovery said was about another client or server.
            client = OAuth2Client(
                **{name: getattr(client, name) for name in _CLIENT_FIELDS if name != "issuer"},
                client_secret=client.client_secret,
            )
        if request.oauth2_issuer is not None:
            issuer = request.oauth2_issuer
            client = replace(client, issuer=issuer, issuer_is_pinned=bool(issuer))
        if request.url is not None and request.url != server.url:
            client = replace(client, resource="")
        return client

    def prepare(self) -> None:
        """See that secrets can be sealed, before others hand them out.

        Raises:
            EncryptionUnavailableError: they cannot.
        """
        self._vault.prepare(DEPLOYMENT_SCOPE)

    def _seal(self, field: SealedField, server_id: str, secret: "SecretStr | str") -> bytes:
        text = secret if isinstance(secret, str) else secret.get_secret_value()
        return self._vault.seal(text, Place(field, server_id), DEPLOYMENT_SCOPE)

    def _seal_headers(self, server_id: str, headers: dict[str, "SecretStr"]) -> bytes:
        plain = {name: value.get_secret_value() for name, value in headers.items()}
        return self._seal(SERVER_CUSTOM_HEADERS, server_id, json.dumps(plain) if plain else "")

"""From the models of MCP servers to wire types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.sdk import mcp_access, mcp_servers

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.mcp_servers.access_lists import Entries
    from chalicelib.mcp_servers.reading import ServerView


def to_server(view: ServerView, callback_url: Callable[[str], str]) -> mcp_servers.MCPServerConfig:
    """A server; of secrets only whether they are set."""
    server, client = view.server, view.server.oauth2
    return mcp_servers.MCPServerConfig(
        id=server.id,
        display_name=server.display_name,
        slug=server.slug,
        description=server.description,
        icon_url=server.icon_url,
        transport="" if view.redacted else server.transport,
        url=server.url,
        auth_type=server.auth_type,
        oauth2_client_id=client.client_id or None,
        has_oauth2_secret=bool(client.client_secret),
        oauth2_auth_url=client.auth_url or None,
        oauth2_token_url=client.token_url or None,
        oauth2_revocation_url=client.revocation_url or None,
        oauth2_issuer=client.issuer or None,
        oauth2_scopes=client.scopes or None,
        oauth2_callback_url=None if view.redacted else callback_url(server.id),
        api_key_header=server.api_key_header or None,
        has_api_key=bool(server.api_key_value),
        has_custom_headers=bool(server.custom_headers),
        user_header_names=list(server.user_header_names),
        tool_allow_list=list(server.tool_allow_list),
        tool_deny_list=list(server.tool_deny_list),
        tool_rules=dict(server.tool_rules),
        tool_changes=server.tool_changes,
        availability=server.availability,
        enabled=server.enabled,
        model_intent=server.model_intent,
        allow_in_plan_mode=server.allow_in_plan_mode,
        forward_identity_headers=server.forward_identity_headers,
        forward_coder_headers=server.forward_identity_headers,
        organization_ids=list(server.organization_ids),
        created_at=server.created_at,
        updated_at=server.updated_at,
        auth_connected=view.auth_connected,
    )


def to_acl(entries: Entries) -> mcp_access.MCPServerACL:
    """Who may see and use a server, or could be allowed to."""
    return mcp_access.MCPServerACL(
        users=[
            mcp_access.ACLUser(
                id=each.user.id, username=each.user.username, name=each.user.name, role=each.role
            )
            for each in entries.users
        ],
        groups=[
            mcp_access.ACLGroup(
                id=each.group.id,
                name=each.group.name,
                display_name=each.group.display_name,
                organization_id=each.organization.id,
                organization_name=each.organization.name,
                role=each.role,
            )
            for each in entries.groups
        ],
    )

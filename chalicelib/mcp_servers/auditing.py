"""MCP servers as the audit log describes them."""

from chalicelib.audit import Snapshot
from chalicelib.mcp_servers.models import MCPServer


def describe_server(server: MCPServer) -> Snapshot:
    """A server's fields, by their names in the API; what is sealed stays so, and is only told of.

    Of what discovery found, only what the API shows.
    """
    client, access = server.oauth2, server.access_list
    return {
        "display_name": server.display_name,
        "slug": server.slug,
        "description": server.description,
        "icon_url": server.icon_url,
        "transport": server.transport,
        "url": server.url,
        "auth_type": server.auth_type,
        "oauth2_client_id": client.client_id,
        "oauth2_client_secret": client.client_secret,
        "oauth2_auth_url": client.auth_url,
        "oauth2_token_url": client.token_url,
        "oauth2_revocation_url": client.revocation_url,
        "oauth2_issuer": client.issuer,
        "oauth2_scopes": client.scopes,
        "api_key_header": server.api_key_header,
        "api_key_value": server.api_key_value,
        "custom_headers": server.custom_headers,
        "tool_allow_list": server.tool_allow_list,
        "tool_deny_list": server.tool_deny_list,
        "availability": server.availability,
        "enabled": server.enabled,
        "model_intent": server.model_intent,
        "allow_in_plan_mode": server.allow_in_plan_mode,
        "forward_coder_headers": server.forward_coder_headers,
        "tool_rules": server.tool_rules,
        "tool_changes": server.tool_changes,
        "organization_ids": server.organization_ids,
        "user_roles": None if access is None else sorted(access.user_ids),
        "group_roles": None if access is None else sorted(access.group_ids),
    }

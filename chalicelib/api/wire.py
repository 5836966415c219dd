"""From models to wire types."""

from collections.abc import Callable, Sequence

from chalicelib.api.errors import build_error_body
from chalicelib.chats.models import Chat, Message, MessagePage
from chalicelib.groups.models import Group
from chalicelib.identity.models import Token, User
from chalicelib.mcp_client.models import ToolResult
from chalicelib.mcp_client.service import GovernedTool, ServerTools
from chalicelib.mcp_servers.service import ServerView
from chalicelib.organizations.models import Membership, Organization
from chalicelib.sdk import chats, groups, identity, mcp_servers, mcp_tools, organizations


def to_user(user: User, organization_ids: list[str] | None = None) -> identity.User:
    """A user, with the ids of their organisations where they are known."""
    return identity.User(
        id=user.id,
        username=user.username,
        name=user.name,
        email=user.email,
        status=user.status.value,
        roles=[identity.Role(name=role) for role in user.roles],
        organization_ids=organization_ids,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


def to_token(token: Token) -> identity.Token:
    """A token, of which only its making shows the text."""
    return identity.Token(
        id=token.id,
        token_name=token.name,
        kind=token.kind.value,
        scopes=[scope.value for scope in token.scopes],
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used=token.last_used_at,
    )


def to_organization(organization: Organization) -> organizations.Organization:
    """An organisation."""
    return organizations.Organization(
        id=organization.id,
        name=organization.name,
        display_name=organization.display_name,
        description=organization.description,
        is_default=organization.is_default,
        created_at=organization.created_at,
        updated_at=organization.updated_at,
    )


def to_members(
    memberships: Sequence[Membership], find_users: Callable[[Sequence[str]], dict[str, User]]
) -> list[organizations.OrganizationMember]:
    """Memberships with their people's names; without those who are just being deleted."""
    users = find_users([membership.user_id for membership in memberships])
    return [
        organizations.OrganizationMember(
            user_id=membership.user_id,
            username=users[membership.user_id].username,
            name=users[membership.user_id].name,
            organization_id=membership.organization_id,
            roles=[identity.Role(name=role) for role in membership.roles],
            group_ids=sorted(membership.group_ids),
            created_at=membership.created_at,
        )
        for membership in memberships
        if membership.user_id in users
    ]


def to_group(group: Group) -> groups.Group:
    """A group."""
    return groups.Group(
        id=group.id,
        organization_id=group.organization_id,
        name=group.name,
        display_name=group.display_name,
        is_everyone=group.is_everyone,
        created_at=group.created_at,
        updated_at=group.updated_at,
    )


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
        tool_allow_list=list(server.tool_allow_list),
        tool_deny_list=list(server.tool_deny_list),
        availability=server.availability,
        enabled=server.enabled,
        model_intent=server.model_intent,
        allow_in_plan_mode=server.allow_in_plan_mode,
        forward_coder_headers=server.forward_coder_headers,
        created_at=server.created_at,
        updated_at=server.updated_at,
        auth_connected=view.auth_connected,
    )


def to_tool(governed: GovernedTool) -> mcp_tools.MCPServerTool:
    """A tool, and whether the admin allows it."""
    tool = governed.tool
    return mcp_tools.MCPServerTool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        annotations=tool.annotations,
        allowed=governed.allowed,
    )


def to_server_tools(found: ServerTools, request_id: str) -> mcp_tools.ServerToolsEntry:
    """One server's tools, or its error."""
    return mcp_tools.ServerToolsEntry(
        server_id=found.server.id,
        slug=found.server.slug,
        tools=[to_tool(tool) for tool in found.tools],
        error=None if found.error is None else build_error_body(found.error, request_id),
    )


def to_tool_reply(result: ToolResult) -> mcp_tools.CallToolReply:
    """What a tool answered, or asks."""
    if not result.is_complete:
        return mcp_tools.CallToolReply(
            result_type="input_required",
            input_requests=result.input_requests,
            request_state=result.request_state,
        )
    return mcp_tools.CallToolReply(
        result_type="complete",
        content=list(result.content),
        structured_content=result.structured_content,
        is_error=result.is_error,
    )


def to_chat(chat: Chat) -> chats.Chat:
    """A chat."""
    return chats.Chat(
        id=chat.id,
        owner_id=chat.owner_id,
        organization_id=chat.organization_id,
        title=chat.title,
        status=chat.status,
        mcp_server_ids=list(chat.mcp_server_ids),
        created_at=chat.created_at,
        updated_at=chat.updated_at,
    )


def to_messages(page: MessagePage) -> chats.ChatMessages:
    """A page of messages."""
    return chats.ChatMessages(
        messages=[_to_message(message) for message in page.messages], has_more=page.has_more
    )


def _to_message(message: Message) -> chats.ChatMessage:
    return chats.ChatMessage(
        id=message.id,
        chat_id=message.chat_id,
        created_by=message.created_by,
        created_at=message.created_at,
        role=message.role,
        content=[chats.MessagePart(type="text", text=text) for text in message.texts],
    )

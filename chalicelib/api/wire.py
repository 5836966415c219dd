"""From models to wire types."""

from collections.abc import Callable, Sequence

from chalicelib.api.errors import build_error_body
from chalicelib.audit.models import Event, EventPage
from chalicelib.chat_models.models import ModelConfig, Provider
from chalicelib.groups.models import Group
from chalicelib.identity.models import Token, User, UserStatus
from chalicelib.mcp_client.diagnosis import Diagnosis, StepResult
from chalicelib.mcp_client.governing import GovernedTool
from chalicelib.mcp_client.models import ToolResult
from chalicelib.mcp_client.service import ServerTools
from chalicelib.mcp_servers.access_lists import Entries
from chalicelib.mcp_servers.reading import ServerView
from chalicelib.organizations.models import Membership, Organization
from chalicelib.sdk import (
    audit,
    chat_models,
    groups,
    identity,
    mcp_access,
    mcp_servers,
    mcp_tools,
    organizations,
    workspaces,
)
from chalicelib.tool_approvals.models import ToolComparison
from chalicelib.tool_approvals.service import ApprovalState
from chalicelib.workspaces.models import Workspace


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


def to_workspaces(
    found: Sequence[Workspace], find_users: Callable[[Sequence[str]], dict[str, User]]
) -> list[workspaces.Workspace]:
    """Workspaces with their owners' names; those who are gone have none."""
    users = find_users(list(dict.fromkeys(each.owner_id for each in found)))
    names = {
        user.id: user.username for user in users.values() if user.status is not UserStatus.DELETING
    }
    return [
        workspaces.Workspace(
            id=each.id,
            organization_id=each.organization_id,
            name=each.name,
            owner_id=each.owner_id,
            owner_username=names.get(each.owner_id),
            instructions=each.instructions,
            default_mcp_server_ids=list(each.default_mcp_server_ids),
            created_at=each.created_at,
            updated_at=each.updated_at,
        )
        for each in found
    ]


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


def to_tool(governed: GovernedTool) -> mcp_tools.MCPServerTool:
    """A tool, and what the admin says about it."""
    tool = governed.tool
    return mcp_tools.MCPServerTool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        annotations=tool.annotations,
        allowed=governed.reason is None,
        rule=governed.rule,
        change=governed.change,
        reason=governed.reason,
    )


def to_server_tools(found: ServerTools, request_id: str) -> mcp_tools.ServerToolsEntry:
    """One server's tools, or its error."""
    return mcp_tools.ServerToolsEntry(
        server_id=found.server.id,
        slug=found.server.slug,
        tools=[to_tool(tool) for tool in found.tools],
        error=None if found.error is None else build_error_body(found.error, request_id),
    )


def to_diagnosis(diagnosis: Diagnosis) -> mcp_tools.MCPServerDiagnosis:
    """The connection to a server, step by step."""
    tools = diagnosis.tools
    return mcp_tools.MCPServerDiagnosis(
        ok=all(step.ok for step in diagnosis.steps),
        steps=[_to_step(step) for step in diagnosis.steps],
        protocol_version=diagnosis.trace.protocol_version or None,
        era=diagnosis.trace.era or None,
        tools=None if tools is None else [to_tool(tool) for tool in tools],
    )


def _to_step(result: StepResult) -> mcp_tools.DiagnosisStep:
    error = result.error
    return mcp_tools.DiagnosisStep(
        step=result.step,
        ok=result.ok,
        skipped=result.skipped or None,
        duration_ms=round(result.seconds * 1000, 1),
        detail=result.detail,
        code=error.code if error else None,
        connect_url=error.extra().get("connect_url") if error else None,
    )


def to_approvals(state: ApprovalState) -> mcp_tools.ToolApprovals:
    """A server's tools, as approved and as offered."""
    return mcp_tools.ToolApprovals(
        baseline=state.has_baseline, tools=[_to_approval(each) for each in state.tools]
    )


def _to_approval(compared: ToolComparison) -> mcp_tools.ToolApproval:
    offered, approval, difference = compared.offered, compared.approval, compared.difference
    parts = {name: list(lines) for name, lines in difference.parts.items()}
    return mcp_tools.ToolApproval(
        name=compared.name,
        state=compared.state,
        hash=offered.hash if offered else None,
        approved_hash=approval.tool.hash if approval else None,
        approved_by=approval.approved_by if approval else None,
        approved_at=approval.approved_at if approval else None,
        difference=parts or None,
        difference_truncated=difference.truncated or None,
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


def to_provider(provider: Provider, *, key_cleared: bool = False) -> chat_models.ChatProviderConfig:
    """A model provider; of its key only whether it is set, or has just been cleared."""
    return chat_models.ChatProviderConfig(
        id=provider.id,
        provider=provider.kind,
        display_name=provider.display_name,
        base_url=provider.base_url,
        region=provider.region,
        has_api_key=bool(provider.api_key),
        enabled=provider.enabled,
        api_key_cleared=key_cleared or None,
        created_at=provider.created_at,
        updated_at=provider.updated_at,
    )


def to_model_config(config: ModelConfig, provider: Provider) -> chat_models.ChatModelConfig:
    """A model, as its admins see it."""
    return chat_models.ChatModelConfig(
        id=config.id,
        provider_id=config.provider_id,
        provider=provider.kind,
        model=config.model,
        display_name=config.display_name,
        enabled=config.enabled,
        is_default=config.is_default,
        context_limit=config.context_limit,
        compression_threshold=config.compression_threshold,
        max_output_tokens=config.max_output_tokens,
        input_price=config.input_price,
        output_price=config.output_price,
        cache_read_price=config.cache_read_price,
        cache_creation_price=config.cache_creation_price,
        created_at=config.created_at,
        updated_at=config.updated_at,
    )


def to_chat_model(config: ModelConfig, provider: Provider) -> chat_models.ChatModel:
    """A model, as whoever may choose it sees it."""
    return chat_models.ChatModel(
        id=config.id,
        display_name=config.display_name,
        provider=provider.kind,
        context_limit=config.context_limit,
        is_default=config.is_default,
    )


def to_events(page: EventPage) -> audit.AuditEvents:
    """A page of the audit log."""
    return audit.AuditEvents(
        events=[to_event(event) for event in page.events], next_cursor=page.next_cursor or None
    )


def to_event(event: Event) -> audit.AuditEvent:
    """One event of the audit log."""
    return audit.AuditEvent(
        id=event.id,
        time=event.time,
        action=event.action,
        object_type=event.object_type,
        object_id=event.object_id,
        organization_id=event.organization_id,
        actor_id=event.actor_id,
        actor_username=event.actor_username or None,
        request_id=event.request.request_id or None,
        source_ip=event.request.source_ip or None,
        user_agent=event.request.user_agent or None,
        diff={
            name: audit.AuditChange(
                old=change.old,
                new=change.new,
                secret=change.secret or None,
                abridged=change.abridged or None,
            )
            for name, change in event.diff.items()
        },
    )

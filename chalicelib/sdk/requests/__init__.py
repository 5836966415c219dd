"""What clients send, parsed by pydantic; `from requests.chats import …` or, lazily, by name.

The server's views name these types long before they need them, and most requests have no body:
`requests.CreateChatRequest` loads its module, and pydantic, when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .chat_models import CreateChatModelConfigRequest as CreateChatModelConfigRequest
    from .chat_models import CreateChatProviderConfigRequest as CreateChatProviderConfigRequest
    from .chat_models import UpdateChatModelConfigRequest as UpdateChatModelConfigRequest
    from .chat_models import UpdateChatProviderConfigRequest as UpdateChatProviderConfigRequest
    from .chat_usage import UpdateChatUsageLimitRequest as UpdateChatUsageLimitRequest
    from .chats import CreateChatMessageRequest as CreateChatMessageRequest
    from .chats import CreateChatRequest as CreateChatRequest
    from .chats import DecideToolCallsRequest as DecideToolCallsRequest
    from .chats import EditChatMessageRequest as EditChatMessageRequest
    from .chats import FilePart as FilePart
    from .chats import TextPart as TextPart
    from .chats import ToolDecision as ToolDecision
    from .chats import UpdateChatRequest as UpdateChatRequest
    from .groups import CreateGroupRequest as CreateGroupRequest
    from .groups import UpdateGroupRequest as UpdateGroupRequest
    from .identity import CreateTokenRequest as CreateTokenRequest
    from .identity import CreateUserRequest as CreateUserRequest
    from .identity import LoginRequest as LoginRequest
    from .identity import UpdateUserRequest as UpdateUserRequest
    from .mcp_access import UpdateMCPServerACLRequest as UpdateMCPServerACLRequest
    from .mcp_servers import CreateMCPServerConfigRequest as CreateMCPServerConfigRequest
    from .mcp_servers import PutUserHeadersRequest as PutUserHeadersRequest
    from .mcp_servers import UpdateMCPServerConfigRequest as UpdateMCPServerConfigRequest
    from .mcp_tools import ApproveToolsRequest as ApproveToolsRequest
    from .mcp_tools import CallToolRequest as CallToolRequest
    from .organizations import CreateOrganizationRequest as CreateOrganizationRequest
    from .organizations import MemberRolesRequest as MemberRolesRequest
    from .organizations import UpdateOrganizationRequest as UpdateOrganizationRequest
    from .workspaces import CreateWorkspaceRequest as CreateWorkspaceRequest
    from .workspaces import UpdateWorkspaceRequest as UpdateWorkspaceRequest

_HOMES = {
    "CreateChatProviderConfigRequest": "chat_models",
    "UpdateChatProviderConfigRequest": "chat_models",
    "CreateChatModelConfigRequest": "chat_models",
    "UpdateChatModelConfigRequest": "chat_models",
    "UpdateChatUsageLimitRequest": "chat_usage",
    "TextPart": "chats",
    "FilePart": "chats",
    "CreateChatRequest": "chats",
    "UpdateChatRequest": "chats",
    "CreateChatMessageRequest": "chats",
    "EditChatMessageRequest": "chats",
    "ToolDecision": "chats",
    "DecideToolCallsRequest": "chats",
    "CreateGroupRequest": "groups",
    "UpdateGroupRequest": "groups",
    "CreateUserRequest": "identity",
    "UpdateUserRequest": "identity",
    "CreateTokenRequest": "identity",
    "LoginRequest": "identity",
    "UpdateMCPServerACLRequest": "mcp_access",
    "CreateMCPServerConfigRequest": "mcp_servers",
    "UpdateMCPServerConfigRequest": "mcp_servers",
    "PutUserHeadersRequest": "mcp_servers",
    "ApproveToolsRequest": "mcp_tools",
    "CallToolRequest": "mcp_tools",
    "CreateOrganizationRequest": "organizations",
    "UpdateOrganizationRequest": "organizations",
    "MemberRolesRequest": "organizations",
    "CreateWorkspaceRequest": "workspaces",
    "UpdateWorkspaceRequest": "workspaces",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)

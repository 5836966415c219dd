"""MCP server configs: the registry's wire types (`coder-reference.md` 1.2 to 1.4)."""

from datetime import datetime
from enum import StrEnum

from .base import KnownID, Reply


class Transport(StrEnum):
    """How an MCP server is spoken to."""

    STREAMABLE_HTTP = "streamable_http"
    SSE = "sse"


class AuthType(StrEnum):
    """How requests to an MCP server are authorised."""

    NONE = "none"
    OAUTH2 = "oauth2"
    API_KEY = "api_key"
    CUSTOM_HEADERS = "custom_headers"
    USER_OIDC = "user_oidc"
    """With the access token of the caller's own sign-in at the identity provider."""


class Availability(StrEnum):
    """Whether a chat gets the server without asking, by default, or on request."""

    FORCE_ON = "force_on"
    DEFAULT_ON = "default_on"
    DEFAULT_OFF = "default_off"


class ToolRule(StrEnum):
    """What becomes of a call of one tool; `ask` lets it through only with the caller's approval."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


class ToolChanges(StrEnum):
    """What becomes of a tool that is new or changed since an admin approved the server's tools."""

    FLAG = "flag"
    WITHHOLD = "withhold"


class MCPServerConfig(Reply):
    """An MCP server as the caller may see it; secrets are only ever flags."""

    id: KnownID
    display_name: str
    slug: str
    description: str
    icon_url: str
    transport: str
    url: str
    auth_type: AuthType
    oauth2_client_id: str | None = None
    has_oauth2_secret: bool
    oauth2_auth_url: str | None = None
    oauth2_token_url: str | None = None
    oauth2_revocation_url: str | None = None
    oauth2_issuer: str | None = None
    oauth2_scopes: str | None = None
    oauth2_callback_url: str | None = None
    api_key_header: str | None = None
    has_api_key: bool
    has_custom_headers: bool
    user_header_names: list[str]
    tool_allow_list: list[str]
    tool_deny_list: list[str]
    tool_rules: dict[str, ToolRule]
    tool_changes: ToolChanges
    availability: Availability
    enabled: bool
    model_intent: bool
    allow_in_plan_mode: bool
    forward_identity_headers: bool
    forward_coder_headers: bool
    """The reference's name for the same."""
    organization_ids: list[KnownID]
    created_at: datetime
    updated_at: datetime
    auth_connected: bool


class DisconnectReply(Reply):
    """What became of the caller's tokens at the provider."""

    token_revoked: bool
    token_revocation_error: str | None = None


class UserHeaders(Reply):
    """The headers that each user fills in, and whether the caller has done so."""

    has_values: dict[str, bool]

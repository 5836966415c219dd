"""MCP servers as the registry keeps them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.mcp_servers.tool_rules import find_rule
from chalicelib.sdk.mcp_servers import AuthType, Availability, ToolChanges, ToolRule, Transport

_MOVES_COUNT_FOR = timedelta(hours=1)
LONGEST_CREATE = timedelta(seconds=60)


class Registration(StrEnum):
    """How an authorization server came to know our client."""

    MANUAL = "manual"
    """An admin registered it there and entered it here."""
    METADATA_DOCUMENT = "metadata_document"
    """It reads our Client ID Metadata Document."""
    DYNAMIC = "dynamic"
    """We registered (RFC 7591)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2Client:
    """Our client at a server's authorization server; everything empty until it is known.

    `issuer` and `resource` are kept exactly as the metadata spelled them: RFC 9207 and RFC 8707
    compare them as strings.
    """

    client_id: str = ""
    client_secret: bytes = field(default=b"", repr=False)
    """Sealed."""
    auth_url: str = ""
    token_url: str = ""
    revocation_url: str = ""
    scopes: str = ""
    """Separated by blanks, as RFC 6749 section 3.3 has it."""
    scopes_are_chosen: bool = False
    """Whether an admin named them; what the server asks for then does not replace them."""
    issuer: str = ""
    """Empty for a client that an admin entered by hand without it."""
    issuer_is_pinned: bool = False
    """Whether an admin named the issuer; what the server names then does not replace it."""
    issues_iss: bool = False
    """Whether the server promises an `iss` in its responses (RFC 9207)."""
    resource: str = ""
    """Empty for a client that an admin entered by hand; then the server's URL stands for it."""
    token_auth_method: str = ""
    """How the client authenticates at the token endpoint; empty: by what it has."""
    registration: Registration = Registration.MANUAL
    secret_expires_at: datetime | None = None
    """When the client secret ends (RFC 7591 section 3.2.1); None means never."""
    registration_uri: str = ""
    """Where the registration can be managed (RFC 7592 section 3); empty if nowhere."""
    registration_token: bytes = field(default=b"", repr=False)
    """Sealed: the registration access token."""
    moves: int = 0
    """How often the server has led to another authorization server lately."""
    moved_at: datetime | None = None
    """When it did so last."""

    @property
    def needs_discovery(self) -> bool:
        """Whether the endpoints are to be found out: of a pre-registered client, by its issuer."""
        return not (self.auth_url or self.token_url) and bool(not self.client_id or self.issuer)

    @property
    def is_complete(self) -> bool:
        """Whether a user could connect."""
        return bool(self.client_id and self.auth_url and self.token_url)

    def count_moves(self, now: datetime) -> int:
        """How often the server has moved, by the moves that are remembered."""
        is_lately = self.moved_at is not None and self.moved_at + _MOVES_COUNT_FOR > now
        return self.moves if is_lately else 0

    def has_expired(self, now: datetime) -> bool:
        """Whether the authorization server no longer takes the client secret."""
        return self.secret_expires_at is not None and self.secret_expires_at <= now


@dataclass(frozen=True, slots=True)
class AccessList:
    """Who may see and use a server, of the members of its organisations."""

    user_ids: frozenset[str] = frozenset()
    group_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class MCPServer:
    """An MCP server that admins manage. Secrets are sealed values, never plain."""

    id: str
    display_name: str
    slug: str
    description: str
    icon_url: str
    transport: Transport
    url: str
    auth_type: AuthType
    oauth2: OAuth2Client
    api_key_header: str
    api_key_value: bytes = field(repr=False)
    """Sealed."""
    custom_headers: bytes = field(repr=False)
    """Sealed: a JSON object of names and values."""
    user_header_names: tuple[str, ...] = ()
    """Headers whose values each user enters for themselves."""
    tool_allow_list: tuple[str, ...]
    tool_deny_list: tuple[str, ...]
    tool_rules: Mapping[str, ToolRule] = field(default_factory=dict)
    tool_changes: ToolChanges = ToolChanges.FLAG
    tool_approvals: int = 0
    """The version of what admins have approved of its tools; zero until they have."""
    availability: Availability
    enabled: bool
    model_intent: bool
    allow_in_plan_mode: bool
    forward_identity_headers: bool
    created_by: str
    updated_by: str
    created_at: datetime
    updated_at: datetime
    version: int = 1
    """Counts writes; a writer states the version that it read."""
    grant_generation: int = 1
    """Counts changes of destination: a connection made under an older one is void."""
    deleting: bool = False
    """Hidden from everybody while what hangs on it is removed."""
    organization_ids: tuple[str, ...] = ()
    """Whose members it is for; empty: every organisation, also those yet to come."""
    access_list: AccessList | None = None
    """None: everyone in its organisations."""

    @property
    def is_personal(self) -> bool:
        """Whether each user needs something of their own before they can use it."""
        if self.auth_type is AuthType.CUSTOM_HEADERS:
            return bool(self.user_header_names)
        return self.auth_type is AuthType.OAUTH2

    def is_abandoned(self, now: datetime) -> bool:
        """Whether it waits for a discovery that must have ended: its request is long over."""
        return self.is_reserved and self.created_at + LONGEST_CREATE <= now

    @property
    def is_reserved(self) -> bool:
        """Whether it waits for its discovery and has never been complete."""
        waits = (
            self.auth_type is AuthType.OAUTH2 and self.oauth2.needs_discovery and self.version == 1
        )
        return waits and not self.deleting

    def rule_of(self, tool_name: str) -> ToolRule:
        """What the admin says about a tool."""
        return find_rule(
            tool_name,
            allow_list=self.tool_allow_list,
            deny_list=self.tool_deny_list,
            rules=self.tool_rules,
        )


def build_slug(display_name: str) -> str:
    """A slug from a display name; empty if the name has no letter or digit to offer."""
    words = re.sub(r"[^a-z0-9]+", "-", display_name.casefold()).strip("-")
    return words[:64].strip("-")

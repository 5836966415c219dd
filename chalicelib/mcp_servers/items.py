"""The items of the servers table, and how servers are written to them and read from them."""

from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
)

from chalicelib.mcp_servers.models import AccessList, MCPServer, OAuth2Client, Registration
from chalicelib.sdk.mcp_servers import AuthType, Availability, ToolChanges, ToolRule, Transport
from chalicelib.storage import Item, UTCDateTime, VersionedItem

# What an item calls as a server does, and keeps as it is.
_SAME = (
    *("display_name", "slug", "description", "icon_url", "url", "api_key_header"),
    *("api_key_value", "custom_headers", "enabled", "model_intent", "allow_in_plan_mode"),
    *("forward_identity_headers", "created_by", "updated_by", "created_at", "updated_at"),
    "deleting",
)
_NUMBERS = ("version", "grant_generation", "tool_approvals")
_LISTS = ("user_header_names", "tool_allow_list", "tool_deny_list", "organization_ids")
_CHOICES = {
    "transport": Transport,
    "auth_type": AuthType,
    "availability": Availability,
    "tool_changes": ToolChanges,
}
# The same of a client, whose attributes begin with `oauth2_`.
_SAME_OF_CLIENT = (
    *("client_id", "client_secret", "auth_url", "token_url", "revocation_url", "scopes"),
    *("scopes_are_chosen", "issuer", "issuer_is_pinned", "issues_iss", "resource"),
    *("token_auth_method", "secret_expires_at", "registration_uri", "registration_token"),
    "moved_at",
)


class ServerItem(VersionedItem):
    """An MCP server."""

    server_id = UnicodeAttribute()
    display_name = UnicodeAttribute()
    slug = UnicodeAttribute()
    description = UnicodeAttribute()
    icon_url = UnicodeAttribute()
    transport = UnicodeAttribute()
    url = UnicodeAttribute()
    auth_type = UnicodeAttribute()
    oauth2_client_id = UnicodeAttribute()
    oauth2_client_secret = BinaryAttribute(legacy_encoding=False)
    oauth2_auth_url = UnicodeAttribute()
    oauth2_token_url = UnicodeAttribute()
    oauth2_revocation_url = UnicodeAttribute()
    oauth2_scopes = UnicodeAttribute()
    oauth2_scopes_are_chosen = BooleanAttribute(default=False)
    oauth2_issuer = UnicodeAttribute()
    oauth2_issuer_is_pinned = BooleanAttribute(default=False)
    oauth2_issues_iss = BooleanAttribute()
    oauth2_resource = UnicodeAttribute()
    oauth2_token_auth_method = UnicodeAttribute()
    oauth2_registration = UnicodeAttribute(default=Registration.MANUAL.value)
    oauth2_secret_expires_at = UTCDateTime(null=True)
    oauth2_registration_uri = UnicodeAttribute(default="")
    oauth2_registration_token = BinaryAttribute(legacy_encoding=False, default=b"")
    oauth2_moves = NumberAttribute(default=0)
    oauth2_moved_at = UTCDateTime(null=True)
    api_key_header = UnicodeAttribute()
    api_key_value = BinaryAttribute(legacy_encoding=False)
    custom_headers = BinaryAttribute(legacy_encoding=False)
    user_header_names: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute, default=list)
    tool_allow_list: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    tool_deny_list: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    tool_rules = JSONAttribute(default=dict)
    tool_changes = UnicodeAttribute(default=ToolChanges.FLAG.value)
    tool_approvals = NumberAttribute(default=0)
    availability = UnicodeAttribute()
    enabled = BooleanAttribute()
    model_intent = BooleanAttribute()
    allow_in_plan_mode = BooleanAttribute()
    forward_identity_headers = BooleanAttribute(default=False)
    created_by = UnicodeAttribute()
    updated_by = UnicodeAttribute()
    created_at = UTCDateTime()
    updated_at = UTCDateTime()
    grant_generation = NumberAttribute()
    deleting = BooleanAttribute()
    organization_ids: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute, default=list)
    # Absent for a server that is for everyone in its organisations.
    access_list: JSONAttribute = JSONAttribute(null=True)


class SlugGuardItem(Item):
    """Holds a slug for one server."""

    server_id = UnicodeAttribute()


class IconItem(Item):
    """An uploaded icon; no secret."""

    image = BinaryAttribute(legacy_encoding=False)


def to_attributes(server: MCPServer) -> dict[str, Any]:
    """What a server's item holds beside its key."""
    access = server.access_list
    same = (*_SAME, *_NUMBERS, *_CHOICES)
    return {
        "server_id": server.id,
        **{name: getattr(server, name) for name in same},
        **{name: list(getattr(server, name)) for name in _LISTS},
        **_to_client_attributes(server.oauth2),
        "tool_rules": dict(server.tool_rules),
        "access_list": None if access is None else _to_lists(access),
    }


def to_server(item: ServerItem) -> MCPServer:
    """The server of an item."""
    plain: dict[str, Any] = {
        **{name: getattr(item, name) for name in _SAME},
        **{name: int(getattr(item, name)) for name in _NUMBERS},
        **{name: tuple(getattr(item, name)) for name in _LISTS},
        **{name: kind(getattr(item, name)) for name, kind in _CHOICES.items()},
    }
    return MCPServer(
        id=item.server_id,
        oauth2=_to_client(item),
        tool_rules={name: ToolRule(rule) for name, rule in item.tool_rules.items()},
        access_list=_to_access_list(item.access_list),
        **plain,
    )


def _to_client_attributes(client: OAuth2Client) -> dict[str, Any]:
    same = (*_SAME_OF_CLIENT, "registration", "moves")
    return {f"oauth2_{name}": getattr(client, name) for name in same}


def _to_client(item: ServerItem) -> OAuth2Client:
    return OAuth2Client(
        registration=Registration(item.oauth2_registration),
        moves=int(item.oauth2_moves),
        **{name: getattr(item, f"oauth2_{name}") for name in _SAME_OF_CLIENT},
    )


def _to_lists(access: AccessList) -> dict[str, list[str]]:
    return {"users": sorted(access.user_ids), "groups": sorted(access.group_ids)}


def _to_access_list(stored: dict[str, list[str]] | None) -> AccessList | None:
    if stored is None:
        return None
    return AccessList(frozenset(stored["users"]), frozenset(stored["groups"]))

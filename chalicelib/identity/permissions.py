"""Who may do what: one pure table from roles to permissions. Services ask; nothing else decides.

A token may carry less than its user: scopes narrow what it is good for, here and at the routes.
"""

from collections.abc import Collection
from enum import StrEnum


class SiteRole(StrEnum):
    """What a person is in the whole deployment."""

    OWNER = "owner"
    MEMBER = "member"


class Permission(StrEnum):
    """Something to be allowed, as `<scope>:<resource>:<action>`."""

    AUDIT_READ = "deployment:audit:read"
    MCP_SERVER_READ = "deployment:mcp-server:read"
    """See disabled servers, and every server unredacted."""
    MCP_SERVER_WRITE = "deployment:mcp-server:write"
    CHAT_MODEL_READ = "deployment:chat-model:read"
    """See providers and all models, prices included; what they may choose, everybody sees."""
    CHAT_MODEL_WRITE = "deployment:chat-model:write"
    """Decide where conversations are sent."""
    CHAT_USAGE_READ = "deployment:chat-usage:read"
    """See what everybody has spent, and the limits."""
    CHAT_USAGE_WRITE = "deployment:chat-usage:write"
    """Decide what may be spent."""
    USER_READ = "deployment:user:read"
    USER_WRITE = "deployment:user:write"
    ORGANIZATION_READ = "deployment:organization:read"
    ORGANIZATION_WRITE = "deployment:organization:write"


class TokenScope(StrEnum):
    """What a token is good for; of several, each adds."""

    ALL = "all"
    """Whatever its user may do; only such a token makes other tokens."""
    READ = "read"
    """Looking at everything, changing nothing."""
    MCP = "mcp"
    """The MCP servers: their registry, connections and tools."""
    CHATS = "chats"
    USERS = "users"
    """People: users, organisations, members, groups; no tokens."""


_ALLOWED: dict[SiteRole, frozenset[Permission]] = {
    SiteRole.OWNER: frozenset(Permission),
    SiteRole.MEMBER: frozenset(),
}
_AREAS = {
    "mcp-server": TokenScope.MCP,
    "user": TokenScope.USERS,
    "organization": TokenScope.USERS,
}


def is_allowed(roles: tuple[SiteRole, ...], permission: Permission) -> bool:
    """Whether any of the roles holds the permission."""
    return any(permission in _ALLOWED[role] for role in roles)


def is_in_scope(scopes: Collection[TokenScope], area: TokenScope, *, reading: bool) -> bool:
    """Whether a token with these scopes is good for an area: for reading there, or for all of it.

    An area of `all` is open to no narrower scope than reading.
    """
    return TokenScope.ALL in scopes or area in scopes or (reading and TokenScope.READ in scopes)


def permits(scopes: Collection[TokenScope], permission: Permission) -> bool:
    """Whether a token with these scopes may make use of a permission that its user holds."""
    _, resource, action = permission.split(":")
    area = _AREAS.get(resource, TokenScope.ALL)
    return is_in_scope(scopes, area, reading=action == "read")

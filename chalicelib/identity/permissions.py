"""Who may do what: one pure table from roles to permissions. Services ask; nothing else decides."""

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
    USER_READ = "deployment:user:read"
    USER_WRITE = "deployment:user:write"
    ORGANIZATION_READ = "deployment:organization:read"
    ORGANIZATION_WRITE = "deployment:organization:write"


_ALLOWED: dict[SiteRole, frozenset[Permission]] = {
    SiteRole.OWNER: frozenset(Permission),
    SiteRole.MEMBER: frozenset(),
}


def is_allowed(roles: tuple[SiteRole, ...], permission: Permission) -> bool:
    """Whether any of the roles holds the permission."""
    return any(permission in _ALLOWED[role] for role in roles)

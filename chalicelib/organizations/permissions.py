"""Who may do what in one organisation: one pure table from its roles to permissions."""

from enum import StrEnum

from chalicelib.identity.permissions import Permission


class OrganizationRole(StrEnum):
    """What a member may do in one organisation."""

    ADMIN = "organization-admin"
    MEMBER = "organization-member"


class OrganizationPermission(StrEnum):
    """Something to be allowed in an organisation."""

    READ = "organization:read"
    WRITE = "organization:write"
    """Its name and description, and its end."""
    MEMBER_READ = "organization:member:read"
    MEMBER_WRITE = "organization:member:write"
    GROUP_READ = "organization:group:read"
    GROUP_WRITE = "organization:group:write"
    WORKSPACE_READ = "organization:workspace:read"
    """Who belongs to the organisation may make workspaces, too, and change their own."""
    WORKSPACE_WRITE = "organization:workspace:write"
    """Change and remove other people's."""
    AUDIT_READ = "organization:audit:read"

    @property
    def for_site(self) -> Permission:
        """The permission in the whole deployment that includes this one everywhere."""
        if self is OrganizationPermission.AUDIT_READ:
            return Permission.AUDIT_READ
        reads = self.endswith(":read")
        return Permission.ORGANIZATION_READ if reads else Permission.ORGANIZATION_WRITE


_READING = frozenset(
    {
        OrganizationPermission.READ,
        OrganizationPermission.MEMBER_READ,
        OrganizationPermission.GROUP_READ,
        OrganizationPermission.WORKSPACE_READ,
    }
)
_ALLOWED: dict[OrganizationRole, frozenset[OrganizationPermission]] = {
    OrganizationRole.ADMIN: _READING
    | {
        OrganizationPermission.MEMBER_WRITE,
        OrganizationPermission.GROUP_WRITE,
        OrganizationPermission.WORKSPACE_WRITE,
        OrganizationPermission.AUDIT_READ,
    },
    OrganizationRole.MEMBER: _READING,
}


def is_allowed_in(roles: tuple[OrganizationRole, ...], permission: OrganizationPermission) -> bool:
    """Whether any of a member's roles holds the permission."""
    return any(permission in _ALLOWED[role] for role in roles)

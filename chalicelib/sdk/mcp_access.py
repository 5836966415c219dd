"""Access lists of MCP servers (`coder-reference.md` 1.9)."""

from enum import StrEnum

from .base import KnownID, Reply


class AccessRole(StrEnum):
    """What an entry of an access list lets somebody do; the empty one removes the entry."""

    READ = "read"
    NONE = ""


class ACLUser(Reply):
    """A user on an access list, or who could be; `role` is empty for the latter."""

    id: KnownID
    username: str
    name: str
    role: AccessRole


class ACLGroup(Reply):
    """A group on an access list, or that could be; that of everyone has its organisation's id."""

    id: KnownID
    name: str
    display_name: str
    organization_id: KnownID
    organization_name: str
    role: AccessRole


class MCPServerACL(Reply):
    """Who may see and use a server, or could be allowed to."""

    users: list[ACLUser]
    groups: list[ACLGroup]

"""Access lists of MCP servers (`coder-reference.md` 1.9)."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from .base import KnownID, Reply, Request, check_id


class AccessRole(StrEnum):
    """What an entry of an access list lets somebody do; the empty one removes the entry."""

    READ = "read"
    NONE = ""


def _check_roles(roles: dict[str, AccessRole]) -> dict[str, AccessRole]:
    checked = {check_id(id_): role for id_, role in roles.items()}
    if len(checked) != len(roles):
        raise ValueError("must not name an id twice, in capitals or not")
    return checked


Roles = Annotated[dict[str, AccessRole], Field(max_length=100), AfterValidator(_check_roles)]


class UpdateMCPServerACLRequest(Request):
    """Changes to an access list, by the ids of users and groups; who is not named stays."""

    user_roles: Roles | None = None
    group_roles: Roles | None = None


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

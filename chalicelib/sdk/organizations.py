"""Organisations and their members."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .base import KnownID, Name, Reply, Request, Slug
from .identity import Role


class Organization(Reply):
    """An organisation; chats belong to exactly one."""

    id: KnownID
    name: str
    display_name: str
    description: str
    is_default: bool
    created_at: datetime
    updated_at: datetime


class CreateOrganizationRequest(Request):
    """A new organisation; `display_name` is its `name` when absent."""

    name: Slug
    display_name: Name | None = None
    description: Annotated[str, StringConstraints(max_length=1024)] = ""


class UpdateOrganizationRequest(Request):
    """What is to change; what is absent or null stays."""

    name: Slug | None = None
    display_name: Name | None = None
    description: Annotated[str, StringConstraints(max_length=1024)] | None = None


class OrganizationMember(Reply):
    """A person's membership in an organisation; `group_ids` leaves out the group of everyone."""

    user_id: KnownID
    username: str
    name: str
    organization_id: KnownID
    roles: list[Role]
    group_ids: list[KnownID]
    created_at: datetime


class MemberRolesRequest(Request):
    """What a member may do; `organization-member` is implied."""

    roles: list[Literal["organization-admin", "organization-member"]] = Field(
        default_factory=list, max_length=2
    )

"""Organisations and their members."""

from datetime import datetime

from .base import KnownID, Reply
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


class OrganizationMember(Reply):
    """A person's membership in an organisation; `group_ids` leaves out the group of everyone."""

    user_id: KnownID
    username: str
    name: str
    organization_id: KnownID
    roles: list[Role]
    group_ids: list[KnownID]
    created_at: datetime

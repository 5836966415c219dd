"""Groups of an organisation's members."""

from datetime import datetime

from .base import KnownID, Name, Reply, Request, Slug


class Group(Reply):
    """A group; that of everyone has the organisation's id."""

    id: KnownID
    organization_id: KnownID
    name: str
    display_name: str
    is_everyone: bool
    created_at: datetime
    updated_at: datetime


class CreateGroupRequest(Request):
    """A new group; `display_name` is its `name` when absent."""

    name: Slug
    display_name: Name | None = None


class UpdateGroupRequest(Request):
    """What is to change; what is absent or null stays."""

    name: Slug | None = None
    display_name: Name | None = None

"""Requests about groups."""

from .base import Name, Request, Slug


class CreateGroupRequest(Request):
    """A new group; `display_name` is its `name` when absent."""

    name: Slug
    display_name: Name | None = None


class UpdateGroupRequest(Request):
    """What is to change; what is absent or null stays."""

    name: Slug | None = None
    display_name: Name | None = None

"""Workspaces: the named projects of an organisation."""

from datetime import datetime

from .base import Reply


class Workspace(Reply):
    """A workspace; `owner_username` is absent once its owner's account has been deleted."""

    id: str
    organization_id: str
    name: str
    owner_id: str
    owner_username: str | None = None
    instructions: str
    default_mcp_server_ids: list[str]
    created_at: datetime
    updated_at: datetime

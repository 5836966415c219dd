"""Groups of an organisation's members."""

from datetime import datetime

from .base import KnownID, Reply


class Group(Reply):
    """A group; that of everyone has the organisation's id."""

    id: KnownID
    organization_id: KnownID
    name: str
    display_name: str
    is_everyone: bool
    created_at: datetime
    updated_at: datetime

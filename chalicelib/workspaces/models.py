"""Workspaces: the named projects of an organisation."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A project whose chats have instructions and servers in common.

    Attributes:
        owner_id: who made it; it stays when they leave or are deleted.
        instructions: what the prompts of its chats begin with.
        default_mcp_server_ids: what its new chats get when nothing else is asked for, as far as
            their owners may use it; with none, they get what is on by default.
        version: counts its changes.
    """

    id: str
    organization_id: str
    name: str
    owner_id: str
    instructions: str
    default_mcp_server_ids: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    version: int = 1


def fold_name(name: str) -> str:
    """What two names have in common that would be taken for the same: case and spaces aside."""
    return " ".join(name.casefold().split())

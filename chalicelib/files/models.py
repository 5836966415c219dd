"""Images that people say something about in chats."""

from dataclasses import dataclass
from datetime import datetime

MOST_FILE_BYTES = 4 * 1024 * 1024
"""What fits through Lambda both ways as base64: `docs/decisions/0018-files-of-chats.md`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFile:
    """An image that a user has uploaded to an organisation; nobody else sees it.

    Attributes:
        size: in bytes.
        chunks: in how many sealed pieces it is stored.
    """

    id: str
    owner_id: str
    organization_id: str
    media_type: str
    size: int
    chunks: int
    created_at: datetime

"""Chats as the audit log describes them: never a title or a message, which are the owner's."""

from chalicelib.audit import Snapshot
from chalicelib.chats.models import Chat


def describe_chat(chat: Chat) -> Snapshot:
    """Which servers a chat may use."""
    return {"mcp_server_ids": chat.mcp_server_ids}

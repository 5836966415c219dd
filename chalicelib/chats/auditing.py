"""Chats as the audit log describes them: never a title or a message, which are the owner's."""

from chalicelib.audit import Snapshot
from chalicelib.chats.models import Chat


def describe_chat(chat: Chat) -> Snapshot:
    """Which servers and model a chat may use, where it belongs, and whether it is put away."""
    return {
        "mcp_server_ids": chat.mcp_server_ids,
        "model_config_id": chat.model_config_id,
        "workspace_id": chat.workspace_id,
        "archived": chat.archived,
    }


def describe_decisions(chat: Chat) -> Snapshot:
    """What the owner said to the tool calls that waited for them: names of tools, no arguments."""
    decided = {call.id: f"{call.tool_name}: {call.decision.value}" for call in chat.open_calls}
    return {"tool_calls": decided}

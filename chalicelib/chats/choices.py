"""What may be said and used in a chat."""

from dataclasses import dataclass

from chalicelib.chat_models.registry import ModelRegistry
from chalicelib.chats.content import InputContent
from chalicelib.chats.ports import Budget
from chalicelib.mcp_servers.selection import ServerSelection


@dataclass(frozen=True, slots=True)
class Choices:
    """Those who check it; they live as long as the container."""

    servers: ServerSelection
    models: ModelRegistry
    content: InputContent
    budget: Budget

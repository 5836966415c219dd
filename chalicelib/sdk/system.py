"""What a deployment says of itself."""

from typing import Any, ClassVar, Literal

from .base import Reply


class Health(Reply):
    """It is up, or ready."""

    status: Literal["ok"]


class BuildInfo(Reply):
    """What is deployed, and where browsers reach it."""

    version: str
    dashboard_url: str
    chat_stream_url: str | None = None
    """Where chats are followed through a WebSocket; without it they are polled. Ours."""


class Message(Reply):
    """A confirmation for people."""

    message: str


class OpenAPIDocument(Reply):
    """An OpenAPI document; of its members only some are named here."""

    __pydantic_config__: ClassVar = {"extra": "allow"}

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]

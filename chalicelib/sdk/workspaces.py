"""Workspaces: the named projects of an organisation."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from .base import Name, Reply, Request

Instructions = Annotated[str, StringConstraints(max_length=10_000)]
ServerIDs = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=500)]


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


class CreateWorkspaceRequest(Request):
    """A new workspace; without `default_mcp_server_ids` its chats get what is on by default."""

    name: Name
    instructions: Instructions = ""
    default_mcp_server_ids: ServerIDs = Field(default_factory=list)


class UpdateWorkspaceRequest(Request):
    """What is to change; what is absent or null stays."""

    name: Name | None = None
    instructions: Instructions | None = None
    default_mcp_server_ids: ServerIDs | None = None

"""Requests about workspaces."""

from typing import Annotated

from pydantic import Field, StringConstraints

from .base import Name, Request

Instructions = Annotated[str, StringConstraints(max_length=10_000)]
ServerIDs = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=500)]


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

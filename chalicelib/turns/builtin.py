"""The tools that are our own."""

from collections.abc import Mapping

from pydantic import ValidationError

from chalicelib.errors import CiboriumError
from chalicelib.identity.models import Actor
from chalicelib.sdk.requests.workspaces import CreateWorkspaceRequest
from chalicelib.turns.providers.models import ToolSpec
from chalicelib.workspaces.models import Workspace
from chalicelib.workspaces.service import WorkspaceService

CREATE_WORKSPACE = ToolSpec(
    "create_workspace",
    "Create a workspace: a named project of the user's organisation, whose instructions are given "
    "to each of its chats. Only when the user asks for one.",
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Unique within the organisation."},
            "instructions": {"type": "string", "description": "What its chats shall heed."},
        },
        "required": ["name"],
    },
)


class BuiltinToolError(Exception):
    """A tool of ours cannot do what it was called for; the text is for the model."""


def create_workspace(
    workspaces: WorkspaceService,
    actor: Actor,
    organization_id: str,
    arguments: Mapping[str, object],
) -> Workspace:
    """A new workspace in the chat's own organisation.

    Raises:
        BuiltinToolError: it is to be another organisation's, or cannot be made.
    """
    elsewhere = arguments.get("organization_id")
    if elsewhere not in {None, organization_id}:
        raise BuiltinToolError("A workspace can only be made in this chat's organisation.")
    try:
        request = CreateWorkspaceRequest.model_validate(
            {name: arguments[name] for name in ("name", "instructions") if name in arguments}
        )
    except ValidationError as exc:
        fields = ", ".join(".".join(map(str, each["loc"])) for each in exc.errors())
        raise BuiltinToolError(f"These arguments are not valid: {fields}.") from None
    try:
        return workspaces.create(actor, organization_id, request)
    except CiboriumError as exc:
        raise BuiltinToolError(exc.message) from exc

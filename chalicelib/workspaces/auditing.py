"""Workspaces as the audit log describes them."""

from chalicelib.audit import Action, NewEvent, ObjectType, Snapshot, diff
from chalicelib.identity.models import Actor
from chalicelib.workspaces.models import Workspace


def describe_workspace(workspace: Workspace | None) -> Snapshot:
    """A workspace's fields, by their names in the API; nothing before and after its life."""
    if workspace is None:
        return {}
    return {
        "name": workspace.name,
        "instructions": workspace.instructions,
        "default_mcp_server_ids": workspace.default_mcp_server_ids,
    }


def did_to_workspace(
    actor: Actor, action: Action, before: Workspace | None, after: Workspace | None
) -> NewEvent:
    """What an actor does to a workspace.

    Raises:
        ValueError: there is neither a before nor an after.
    """
    workspace = after or before
    if workspace is None:
        raise ValueError("a workspace that never was")
    return actor.did(
        action,
        ObjectType.WORKSPACE,
        workspace.id,
        diff(describe_workspace(before), describe_workspace(after)),
        organization_id=workspace.organization_id,
    )

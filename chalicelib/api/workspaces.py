"""Workspaces: the named projects of an organisation."""

from chalicelib.api.call import Call
from chalicelib.api.contract import Parameter, limit
from chalicelib.api.organization_wire import to_workspaces
from chalicelib.api.preconditions import build_etag, parse_if_match
from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Route
from chalicelib.identity.permissions import TokenScope
from chalicelib.sdk import requests
from chalicelib.sdk.workspaces import Workspace
from chalicelib.workspaces.models import Workspace as StoredWorkspace


def list_workspaces(call: Call, organization_id: str) -> Reply:
    """An organisation's workspaces, by their ids."""
    found = call.services.workspaces.list_page(
        call.actor, organization_id, limit=call.limit(), after_id=call.query("after_id")
    )
    return json_reply(to_workspaces(found, call.services.identity.find_users))


def create_workspace(call: Call, organization_id: str) -> Reply:
    """Add a workspace of the caller's own."""
    request = call.body(requests.workspaces.CreateWorkspaceRequest)
    created = call.services.workspaces.create(call.actor, organization_id, request)
    return _workspace_reply(call, created, 201)


def get_workspace(call: Call, organization_id: str, workspace_id: str) -> Reply:
    """One workspace."""
    found = call.services.workspaces.get(call.actor, organization_id, workspace_id)
    return _workspace_reply(call, found)


def update_workspace(call: Call, organization_id: str, workspace_id: str) -> Reply:
    """Change a workspace; with `If-Match` only the version that the caller read."""
    versions = parse_if_match(call.header("if-match"))
    request = call.body(requests.workspaces.UpdateWorkspaceRequest)
    changed = call.services.workspaces.update(
        call.actor, organization_id, workspace_id, request, versions
    )
    return _workspace_reply(call, changed)


def delete_workspace(call: Call, organization_id: str, workspace_id: str) -> Reply:
    """Remove a workspace, not its chats; `If-Match` as for a change."""
    versions = parse_if_match(call.header("if-match"))
    call.services.workspaces.delete(call.actor, organization_id, workspace_id, versions)
    return Reply(204)


def _workspace_reply(call: Call, workspace: StoredWorkspace, status: int = 200) -> Reply:
    """One workspace, with the version that a change can insist on."""
    (found,) = to_workspaces([workspace], call.services.identity.find_users)
    reply = json_reply(found, status)
    reply.headers["ETag"] = build_etag(workspace.version)
    return reply


_ALL = "/api/v2/organizations/{organization_id}/workspaces"
_ONE = f"{_ALL}/{{workspace_id}}"
_SCOPE = TokenScope.CHATS  # They are about chats, wherever their path is.
ROUTES = (
    Route(
        "GET",
        _ALL,
        list_workspaces,
        scope=_SCOPE,
        reply=list[Workspace],
        query=(
            limit(100),
            Parameter("after_id", "The last workspace of the page before.", format="uuid"),
        ),
    ),
    Route(
        "POST",
        _ALL,
        create_workspace,
        scope=_SCOPE,
        creates=True,
        body=lambda: requests.workspaces.CreateWorkspaceRequest,
        reply=Workspace,
        status=201,
        headers=("ETag",),
    ),
    Route("GET", _ONE, get_workspace, scope=_SCOPE, reply=Workspace, headers=("ETag",)),
    Route(
        "PATCH",
        _ONE,
        update_workspace,
        scope=_SCOPE,
        conditional=True,
        body=lambda: requests.workspaces.UpdateWorkspaceRequest,
        reply=Workspace,
        headers=("ETag",),
    ),
    Route("DELETE", _ONE, delete_workspace, scope=_SCOPE, conditional=True, status=204),
)

"""Workspaces: who sees, makes, changes and removes them."""

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.audit import Action
from chalicelib.identity.models import Actor
from chalicelib.mcp_servers.selection import ServerSelection
from chalicelib.organizations.errors import NotAMemberError
from chalicelib.organizations.models import Membership
from chalicelib.organizations.permissions import OrganizationPermission
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock, new_id, parse_id
from chalicelib.workspaces.auditing import did_to_workspace
from chalicelib.workspaces.errors import (
    InvalidWorkspaceError,
    InvalidWorkspacePageError,
    WorkspaceChangedError,
    WorkspaceNotFoundError,
)
from chalicelib.workspaces.models import Workspace
from chalicelib.workspaces.repository import WorkspaceRepository

if TYPE_CHECKING:
    from chalicelib.sdk.requests.workspaces import CreateWorkspaceRequest, UpdateWorkspaceRequest

_MOST_PER_PAGE = 100  # With instructions of the greatest length, far below Lambda's 6 MB.


class WorkspaceService:
    """Manages workspaces; lives as long as the container."""

    def __init__(
        self,
        repository: WorkspaceRepository,
        organizations: OrganizationService,
        servers: ServerSelection,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._organizations = organizations
        self._servers = servers
        self._clock = clock

    def list_page(
        self, actor: Actor, organization_id: str, *, limit: int, after_id: str | None
    ) -> list[Workspace]:
        """Workspaces of an organisation, by their ids.

        Raises:
            OrganizationNotFoundError: there is none, or the actor may not know.
            InvalidWorkspacePageError: the limit is out of range, or `after_id` is no id.
        """
        if not 1 <= limit <= _MOST_PER_PAGE:
            raise InvalidWorkspacePageError("limit", f"must be from 1 to {_MOST_PER_PAGE}")
        after = parse_id(after_id) if after_id else ""
        if after is None:
            raise InvalidWorkspacePageError("after_id", "must be the id of a workspace")
        permission = OrganizationPermission.WORKSPACE_READ
        organization = self._organizations.authorize(actor, organization_id, permission)
        found = self._repository.list_page(organization.id, after=after, limit=limit)
        return self._without_deleted(found)

    def get(self, actor: Actor, organization_id: str, workspace_id: str) -> Workspace:
        """One workspace.

        Raises:
            OrganizationNotFoundError: there is no such organisation, or the actor may not know.
            WorkspaceNotFoundError: it has no such workspace.
        """
        permission = OrganizationPermission.WORKSPACE_READ
        organization = self._organizations.authorize(actor, organization_id, permission)
        workspace = self._find(organization.id, workspace_id)
        if workspace is None:
            raise WorkspaceNotFoundError
        return self._without_deleted([workspace])[0]

    def create(
        self, actor: Actor, organization_id: str, request: "CreateWorkspaceRequest"
    ) -> Workspace:
        """A new workspace of the actor's in one of their organisations.

        Raises:
            OrganizationNotFoundError: there is none, or the actor may not know.
            NotAMemberError: the actor administers the deployment, and is not a member.
            InvalidSelectionError: a server is unknown, disabled, or not for the actor there.
            WorkspaceExistsError: the name is taken in the organisation.
        """
        membership = self._require_membership(actor, organization_id)
        server_ids = self._servers.for_workspace(
            actor, membership.organization_id, membership, request.default_mcp_server_ids
        )
        now = self._clock()
        workspace = Workspace(
            id=new_id(),
            organization_id=membership.organization_id,
            name=request.name,
            owner_id=actor.user_id,
            instructions=request.instructions,
            default_mcp_server_ids=tuple(server_ids),
            created_at=now,
            updated_at=now,
        )
        event = did_to_workspace(actor, Action.CREATE, None, workspace)
        self._repository.add(workspace, event)
        return workspace

    def update(
        self,
        actor: Actor,
        organization_id: str,
        workspace_id: str,
        request: "UpdateWorkspaceRequest",
        versions: Container[int] | None = None,
    ) -> Workspace:
        """Change a workspace; what is not named stays.

        Args:
            actor: its owner, or whoever administers the organisation.
            organization_id: whose it is.
            workspace_id: which.
            request: what is to change.
            versions: those that the actor means to change; None: whichever there is.

        Raises:
            OrganizationNotFoundError, NotAllowedError: the actor may not.
            WorkspaceNotFoundError: the organisation has no such workspace.
            InvalidSelectionError: a new server is unknown, disabled, or not for the actor there.
            WorkspaceExistsError: the name is taken in the organisation.
            WorkspaceChangedError: it has another version, or somebody is changing it.
        """
        before = self._require_changeable(actor, organization_id, workspace_id)
        _require_version(before, versions)
        after = replace(
            before,
            name=request.name or before.name,
            instructions=(
                before.instructions if request.instructions is None else request.instructions
            ),
            default_mcp_server_ids=self._chosen(actor, before, request.default_mcp_server_ids),
        )
        if after == before:
            return before
        after = replace(after, updated_at=self._clock(), version=before.version + 1)
        event = did_to_workspace(actor, Action.UPDATE, before, after)
        self._repository.replace(before, after, event)
        return after

    def delete(
        self,
        actor: Actor,
        organization_id: str,
        workspace_id: str,
        versions: Container[int] | None = None,
    ) -> None:
        """Remove a workspace; its chats stay, without its instructions. `versions` as for `update`.

        Raises:
            OrganizationNotFoundError, NotAllowedError: the actor may not.
            WorkspaceNotFoundError: the organisation has no such workspace.
            WorkspaceChangedError: it has another version, or somebody is changing it.
        """
        workspace = self._require_changeable(actor, organization_id, workspace_id)
        _require_version(workspace, versions)
        event = did_to_workspace(actor, Action.DELETE, workspace, None)
        self._repository.remove(workspace, event)

    def require_in(self, actor: Actor, organization_id: str, workspace_id: str) -> Workspace:
        """The workspace that something of the actor's is to be in, for the other services.

        Whether there is such a workspace elsewhere is not told.

        Raises:
            InvalidWorkspaceError: the organisation has no such workspace, or the actor has left it.
        """
        parsed = parse_id(organization_id)
        workspace = self._find(parsed, workspace_id) if parsed else None
        if workspace is None:
            raise InvalidWorkspaceError
        if not self._organizations.find_membership(workspace.organization_id, actor.user_id):
            raise InvalidWorkspaceError
        return workspace

    def _require_membership(self, actor: Actor, organization_id: str) -> Membership:
        parsed = parse_id(organization_id)
        found = self._organizations.find_membership(parsed, actor.user_id) if parsed else None
        if found is None:
            # Who may not know of the organisation does not hear that they are no member either.
            permission = OrganizationPermission.WORKSPACE_READ
            self._organizations.authorize(actor, organization_id, permission)
            raise NotAMemberError
        return found

    def _require_changeable(
        self, actor: Actor, organization_id: str, workspace_id: str
    ) -> Workspace:
        """A workspace of the actor's own, or of an organisation that they administer."""
        parsed = parse_id(organization_id)
        workspace = self._find(parsed, workspace_id) if parsed else None
        is_others = workspace is not None and workspace.owner_id != actor.user_id
        self._organizations.authorize(
            actor,
            organization_id,
            OrganizationPermission.WORKSPACE_WRITE
            if is_others
            else OrganizationPermission.WORKSPACE_READ,
        )
        if workspace is None:
            raise WorkspaceNotFoundError
        return self._without_deleted([workspace])[0]

    def _chosen(
        self, actor: Actor, before: Workspace, requested: Sequence[str] | None
    ) -> tuple[str, ...]:
        stored = before.default_mcp_server_ids
        if requested is None:
            return stored
        membership = self._organizations.find_membership(before.organization_id, actor.user_id)
        chosen = self._servers.for_workspace(
            actor, before.organization_id, membership, requested, stored
        )
        return tuple(chosen)

    def _find(self, organization_id: str, workspace_id: str) -> Workspace | None:
        parsed = parse_id(workspace_id)
        return self._repository.find(organization_id, parsed) if parsed else None

    def _without_deleted(self, workspaces: Sequence[Workspace]) -> list[Workspace]:
        """Without the ids of deleted servers: so no deletion has to visit every workspace."""
        if not any(each.default_mcp_server_ids for each in workspaces):
            return list(workspaces)
        existing = self._servers.existing_ids()
        return [
            replace(
                each,
                default_mcp_server_ids=tuple(
                    id_ for id_ in each.default_mcp_server_ids if id_ in existing
                ),
            )
            for each in workspaces
        ]


def _require_version(workspace: Workspace, versions: Container[int] | None) -> None:
    if versions is not None and workspace.version not in versions:
        raise WorkspaceChangedError

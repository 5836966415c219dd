"""Workspaces: the named projects of an organisation."""

from collections.abc import Iterator

from ..connection import segment
from ..paging import PAGE_SIZE, iterate_pages, next_after_id
from ..requests.workspaces import CreateWorkspaceRequest, UpdateWorkspaceRequest
from ..workspaces import Workspace
from .base import Methods, if_match
from .organizations import organization_path


class WorkspaceMethods(Methods):
    """Workspaces of an organisation; both are given by their ids."""

    def list_workspaces(
        self, organization: str, *, limit: int | None = None, after_id: str | None = None
    ) -> list[Workspace]:
        """A page of an organisation's workspaces, by their ids."""
        query = {"limit": limit, "after_id": after_id}
        return self._connection.get_list(Workspace, _workspaces_path(organization), query)

    def iter_workspaces(
        self, organization: str, *, page_size: int = PAGE_SIZE
    ) -> Iterator[Workspace]:
        """All workspaces of an organisation."""

        def get_page(cursor: str | None) -> tuple[list[Workspace], str | None]:
            page = self.list_workspaces(organization, limit=page_size, after_id=cursor)
            return page, next_after_id(page, page_size, lambda workspace: workspace.id)

        return iterate_pages(get_page)

    def get_workspace(self, organization: str, workspace: str) -> Workspace:
        """One workspace."""
        return self._connection.get(Workspace, _workspace_path(organization, workspace))

    def create_workspace(self, organization: str, request: CreateWorkspaceRequest) -> Workspace:
        """Add a workspace of the caller's own."""
        return self._connection.create(Workspace, _workspaces_path(organization), request)

    def update_workspace(
        self,
        organization: str,
        workspace: str,
        request: UpdateWorkspaceRequest,
        *,
        etag: str | None = None,
    ) -> Workspace:
        """Change what the request sets; with `etag` only the version that was read.

        Raises:
            ConflictError: somebody has changed it since.
        """
        path = _workspace_path(organization, workspace)
        return self._connection.change(Workspace, path, request, headers=if_match(etag))

    def delete_workspace(
        self, organization: str, workspace: str, *, etag: str | None = None
    ) -> None:
        """Remove a workspace, not its chats; `etag` as for a change."""
        path = _workspace_path(organization, workspace)
        self._connection.delete(path, headers=if_match(etag))


def _workspaces_path(organization: str) -> str:
    return f"{organization_path(organization)}/workspaces"


def _workspace_path(organization: str, workspace: str) -> str:
    return f"{_workspaces_path(organization)}/{segment(workspace)}"

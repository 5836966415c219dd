"""Workspaces in the organizations table.

ORG#<id> / WORKSPACE#<id>               a workspace
ORG#<id> / WORKSPACENAME#<folded name>  keeps a name unique in its organisation

They lie where the organisation's members do, and so are removed with it.
"""

from typing import Any

from pynamodb.attributes import ListAttribute, UnicodeAttribute

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.identity.repository import IdentityRepository
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.storage import Database, Item, Transaction, UTCDateTime, VersionedItem
from chalicelib.workspaces.errors import WorkspaceChangedError, WorkspaceExistsError
from chalicelib.workspaces.models import Workspace, fold_name

_FIRST_KEY = "WORKSPACE#"
_LAST_KEY = "WORKSPACE#~"  # "~" sorts behind every character of an id.


class WorkspaceItem(VersionedItem):
    """A workspace."""

    workspace_id = UnicodeAttribute()
    organization_id = UnicodeAttribute()
    name = UnicodeAttribute()
    owner_id = UnicodeAttribute()
    instructions = UnicodeAttribute()
    default_mcp_server_ids: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    created_at = UTCDateTime()
    updated_at = UTCDateTime()


class WorkspaceNameItem(Item):
    """Holds a name for one workspace of an organisation."""

    workspace_id = UnicodeAttribute()


class WorkspaceRepository:
    """Stores workspaces."""

    def __init__(
        self,
        database: Database,
        audit: AuditRepository,
        identity: IdentityRepository,
        organizations: OrganizationRepository,
    ) -> None:
        self._audit = audit
        self._identity = identity
        self._organizations = organizations
        self._workspaces = database.bind(WorkspaceItem, "organizations")
        self._names = database.bind(WorkspaceNameItem, "organizations")

    def find(self, organization_id: str, workspace_id: str) -> Workspace | None:
        """A workspace of an organisation; both by canonical ids."""
        item = self._workspaces.find(_key(organization_id), _FIRST_KEY + workspace_id)
        return None if item is None else _to_workspace(item)

    def list_page(self, organization_id: str, *, after: str, limit: int) -> list[Workspace]:
        """Workspaces of an organisation by their ids, from the one after `after` on."""
        # "~" makes it the one behind: DynamoDB's ranges include both their ends.
        first = f"{_FIRST_KEY}{after}~" if after else _FIRST_KEY
        found = self._workspaces.query(
            _key(organization_id),
            self._workspaces.SK.between(first, _LAST_KEY),
            consistent_read=True,
            limit=limit,
        )
        return [_to_workspace(item) for item in found]

    def add(self, workspace: Workspace, event: NewEvent) -> None:
        """Store a new workspace.

        Raises:
            WorkspaceExistsError: the name is taken in the organisation.
            OrganizationNotFoundError: the organisation is gone.
            NotAMemberError: the owner has left it meanwhile.
            InvalidTokenError: the owner has been suspended or deleted meanwhile.
        """
        transaction = self._audit.transaction(event)
        self._identity.require_active(transaction, workspace.owner_id)
        organization_id = workspace.organization_id
        self._organizations.require_open(transaction, organization_id)
        self._organizations.require_member(transaction, organization_id, workspace.owner_id)
        absent = self._workspaces.absent()
        transaction.put(self._to_item(workspace), absent, WorkspaceExistsError())
        self._take_name(transaction, workspace)
        transaction.commit()

    def replace(self, before: Workspace, after: Workspace, event: NewEvent) -> None:
        """Store a workspace in place of what was read.

        Raises:
            WorkspaceChangedError: somebody else changed or removed it meanwhile.
            WorkspaceExistsError: the name is taken in the organisation.
        """
        transaction = self._audit.transaction(event)
        unchanged = self._workspaces.at_version(before.version)
        transaction.put(self._to_item(after), unchanged, WorkspaceChangedError())
        if fold_name(before.name) != fold_name(after.name):
            self._free_name(transaction, before)
            self._take_name(transaction, after)
        transaction.commit()

    def remove(self, workspace: Workspace, event: NewEvent) -> None:
        """Remove a workspace and free its name, at once.

        Raises:
            WorkspaceChangedError: somebody else changed or removed it meanwhile.
        """
        transaction = self._audit.transaction(event)
        item = self._workspaces(_key(workspace.organization_id), _FIRST_KEY + workspace.id)
        unchanged = self._workspaces.at_version(workspace.version)
        transaction.delete(item, unchanged, WorkspaceChangedError())
        self._free_name(transaction, workspace)
        transaction.commit()

    def _take_name(self, transaction: Transaction, workspace: Workspace) -> None:
        guard = self._names(
            PK=_key(workspace.organization_id),
            SK=_name_key(workspace.name),
            workspace_id=workspace.id,
        )
        transaction.put(guard, self._names.absent(), WorkspaceExistsError())

    def _free_name(self, transaction: Transaction, workspace: Workspace) -> None:
        guard = self._names(_key(workspace.organization_id), _name_key(workspace.name))
        is_its_own = self._names.workspace_id == workspace.id
        transaction.delete(guard, is_its_own, WorkspaceChangedError())

    def _to_item(self, workspace: Workspace) -> WorkspaceItem:
        return self._workspaces(
            PK=_key(workspace.organization_id),
            SK=_FIRST_KEY + workspace.id,
            workspace_id=workspace.id,
            organization_id=workspace.organization_id,
            name=workspace.name,
            owner_id=workspace.owner_id,
            instructions=workspace.instructions,
            default_mcp_server_ids=list(workspace.default_mcp_server_ids),
            created_at=workspace.created_at,
            updated_at=workspace.updated_at,
            version=workspace.version,
        )


def _key(organization_id: str) -> str:
    return f"ORG#{organization_id}"


def _name_key(name: str) -> str:
    return f"WORKSPACENAME#{fold_name(name)}"


def _to_workspace(item: WorkspaceItem) -> Workspace:
    return Workspace(
        id=item.workspace_id,
        organization_id=item.organization_id,
        name=item.name,
        owner_id=item.owner_id,
        instructions=item.instructions,
        default_mcp_server_ids=tuple(item.default_mcp_server_ids),
        created_at=item.created_at,
        updated_at=item.updated_at,
        version=int(item.version),
    )

"""The servers table.

SERVER      / <id>     an MCP server; one query reads them all
SLUG#<slug> / guard    keeps a slug unique
"""

from dataclasses import replace
from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
)

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.mcp_servers.errors import ServerNotFoundError, SlugTakenError, VersionConflictError
from chalicelib.mcp_servers.models import AccessList, MCPServer, OAuth2Client, Registration
from chalicelib.sdk.mcp_servers import AuthType, Availability, ToolChanges, ToolRule, Transport
from chalicelib.storage import Database, Item, Transaction, UTCDateTime, VersionedItem

_PARTITION = "SERVER"


class ServerItem(VersionedItem):
    """An MCP server."""

    server_id = UnicodeAttribute()
    display_name = UnicodeAttribute()
    slug = UnicodeAttribute()
    description = UnicodeAttribute()
    icon_url = UnicodeAttribute()
    transport = UnicodeAttribute()
    url = UnicodeAttribute()
    auth_type = UnicodeAttribute()
    oauth2_client_id = UnicodeAttribute()
    oauth2_client_secret = BinaryAttribute(legacy_encoding=False)
    oauth2_auth_url = UnicodeAttribute()
    oauth2_token_url = UnicodeAttribute()
    oauth2_revocation_url = UnicodeAttribute()
    oauth2_scopes = UnicodeAttribute()
    oauth2_scopes_are_chosen = BooleanAttribute(default=False)
    oauth2_issuer = UnicodeAttribute()
    oauth2_issuer_is_pinned = BooleanAttribute(default=False)
    oauth2_issues_iss = BooleanAttribute()
    oauth2_resource = UnicodeAttribute()
    oauth2_token_auth_method = UnicodeAttribute()
    oauth2_registration = UnicodeAttribute(default=Registration.MANUAL.value)
    oauth2_secret_expires_at = UTCDateTime(null=True)
    oauth2_registration_uri = UnicodeAttribute(default="")
    oauth2_registration_token = BinaryAttribute(legacy_encoding=False, default=b"")
    api_key_header = UnicodeAttribute()
    api_key_value = BinaryAttribute(legacy_encoding=False)
    custom_headers = BinaryAttribute(legacy_encoding=False)
    tool_allow_list: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    tool_deny_list: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    tool_rules = JSONAttribute(default=dict)
    tool_changes = UnicodeAttribute(default=ToolChanges.FLAG.value)
    tool_approvals = NumberAttribute(default=0)
    availability = UnicodeAttribute()
    enabled = BooleanAttribute()
    model_intent = BooleanAttribute()
    allow_in_plan_mode = BooleanAttribute()
    forward_coder_headers = BooleanAttribute()
    created_by = UnicodeAttribute()
    updated_by = UnicodeAttribute()
    created_at = UTCDateTime()
    updated_at = UTCDateTime()
    grant_generation = NumberAttribute()
    deleting = BooleanAttribute()
    organization_ids: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute, default=list)
    # Absent for a server that is for everyone in its organisations.
    access_list: JSONAttribute = JSONAttribute(null=True)


class SlugGuardItem(Item):
    """Holds a slug for one server."""

    server_id = UnicodeAttribute()


class MCPServerRepository:
    """Stores MCP servers."""

    def __init__(self, database: Database, audit: AuditRepository) -> None:
        self._database = database
        self._audit = audit
        self._servers = database.bind(ServerItem, "servers")
        self._slugs = database.bind(SlugGuardItem, "servers")

    def find(self, server_id: str) -> MCPServer | None:
        """A server by id, also one that is being deleted."""
        item = self._servers.find(_PARTITION, server_id)
        return None if item is None else _to_server(item)

    def find_id_by_slug(self, slug: str) -> str | None:
        """The id of the server that has a slug."""
        guard = self._slugs.find(f"SLUG#{slug}", "guard")
        return None if guard is None else str(guard.server_id)

    def list_all(self) -> list[MCPServer]:
        """Every server that is not being deleted, in one query."""
        found = (_to_server(item) for item in self._servers.query(_PARTITION, consistent_read=True))
        return [server for server in found if not server.deleting]

    def add(self, server: MCPServer, event: NewEvent) -> None:
        """Store a new server.

        Raises:
            SlugTakenError: another server has the slug.
        """
        self._add(self._audit.transaction(event), server)

    def reserve(self, server: MCPServer) -> None:
        """Store a server that waits for its discovery; `replace` completes it and records it.

        Raises:
            SlugTakenError: another server has the slug.
        """
        self._add(self._database.transaction(), server)

    def replace(self, before: MCPServer, after: MCPServer, event: NewEvent) -> None:
        """Store a changed server in place of the one that was read.

        Raises:
            SlugTakenError: another server has the new slug.
            VersionConflictError: somebody has written the server since.
        """
        unchanged = self._servers.at_version(before.version)
        transaction = self._audit.transaction(event)
        if after.slug != before.slug:
            self._claim_slug(transaction, after)
            self._release_slug(transaction, before)
        transaction.put(self._to_item(after), unchanged, VersionConflictError())
        transaction.commit()

    def hide(self, server: MCPServer, event: NewEvent) -> MCPServer:
        """Mark a server as being deleted and free its slug, all at once; returns it as it is then.

        Raises:
            VersionConflictError: somebody has written the server since it was read.
        """
        hidden = replace(server, deleting=True, enabled=False, version=server.version + 1)
        transaction = self._audit.transaction(event)
        self._release_slug(transaction, server)
        transaction.put(
            self._to_item(hidden),
            self._servers.at_version(server.version),
            VersionConflictError(),
        )
        transaction.commit()
        return hidden

    def remove(self, server: MCPServer) -> None:
        """Remove a server that is hidden, or was only reserved; the latter frees its slug.

        Raises:
            VersionConflictError: somebody has written the server since it was read.
        """
        transaction = self._database.transaction()
        if not server.deleting:
            self._release_slug(transaction, server)
        transaction.delete(
            self._servers(_PARTITION, server.id),
            self._servers.at_version(server.version),
            VersionConflictError(),
        )
        transaction.commit()

    def require_destination(self, transaction: Transaction, server: MCPServer) -> None:
        """Let a transaction through only while the server still leads where it led when read."""
        transaction.check(
            self._servers,
            (_PARTITION, server.id),
            (self._servers.grant_generation == server.grant_generation)
            & (self._servers.deleting == False),  # noqa: E712 -- a condition, not a comparison
            ServerNotFoundError(),
        )

    def raise_approvals(self, transaction: Transaction, server: MCPServer) -> None:
        """Let a transaction replace the approvals of a server's tools.

        It raises `VersionConflictError` if somebody has written the server since.
        """
        transaction.update(
            self._servers(_PARTITION, server.id),
            [
                self._servers.version.set(server.version + 1),
                self._servers.tool_approvals.set(server.tool_approvals + 1),
            ],
            self._servers.at_version(server.version) & (self._servers.deleting == False),  # noqa: E712 -- a condition, not a comparison
            VersionConflictError(),
        )

    def _add(self, transaction: Transaction, server: MCPServer) -> None:
        self._claim_slug(transaction, server)
        transaction.put(self._to_item(server), self._servers.absent(), VersionConflictError())
        transaction.commit()

    def _claim_slug(self, transaction: Transaction, server: MCPServer) -> None:
        transaction.put(
            self._slugs(PK=f"SLUG#{server.slug}", SK="guard", server_id=server.id),
            self._slugs.absent(),
            SlugTakenError(server.slug),
        )

    def _release_slug(self, transaction: Transaction, server: MCPServer) -> None:
        transaction.delete(
            self._slugs(f"SLUG#{server.slug}", "guard"),
            self._slugs.server_id == server.id,
            VersionConflictError(),
        )

    def _to_item(self, server: MCPServer) -> ServerItem:
        client, access = server.oauth2, server.access_list
        return self._servers(
            PK=_PARTITION,
            SK=server.id,
            server_id=server.id,
            display_name=server.display_name,
            slug=server.slug,
            description=server.description,
            icon_url=server.icon_url,
            transport=server.transport,
            url=server.url,
            auth_type=server.auth_type,
            oauth2_client_id=client.client_id,
            oauth2_client_secret=client.client_secret,
            oauth2_auth_url=client.auth_url,
            oauth2_token_url=client.token_url,
            oauth2_revocation_url=client.revocation_url,
            oauth2_scopes=client.scopes,
            oauth2_scopes_are_chosen=client.scopes_are_chosen,
            oauth2_issuer=client.issuer,
            oauth2_issuer_is_pinned=client.issuer_is_pinned,
            oauth2_issues_iss=client.issues_iss,
            oauth2_resource=client.resource,
            oauth2_token_auth_method=client.token_auth_method,
            oauth2_registration=client.registration,
            oauth2_secret_expires_at=client.secret_expires_at,
            oauth2_registration_uri=client.registration_uri,
            oauth2_registration_token=client.registration_token,
            api_key_header=server.api_key_header,
            api_key_value=server.api_key_value,
            custom_headers=server.custom_headers,
            tool_allow_list=list(server.tool_allow_list),
            tool_deny_list=list(server.tool_deny_list),
            tool_rules=dict(server.tool_rules),
            tool_changes=server.tool_changes,
            tool_approvals=server.tool_approvals,
            availability=server.availability,
            enabled=server.enabled,
            model_intent=server.model_intent,
            allow_in_plan_mode=server.allow_in_plan_mode,
            forward_coder_headers=server.forward_coder_headers,
            created_by=server.created_by,
            updated_by=server.updated_by,
            created_at=server.created_at,
            updated_at=server.updated_at,
            version=server.version,
            grant_generation=server.grant_generation,
            deleting=server.deleting,
            organization_ids=list(server.organization_ids),
            access_list=None if access is None else _to_lists(access),
        )


def _to_server(item: ServerItem) -> MCPServer:
    return MCPServer(
        id=item.server_id,
        display_name=item.display_name,
        slug=item.slug,
        description=item.description,
        icon_url=item.icon_url,
        transport=Transport(item.transport),
        url=item.url,
        auth_type=AuthType(item.auth_type),
        oauth2=OAuth2Client(
            client_id=item.oauth2_client_id,
            client_secret=item.oauth2_client_secret,
            auth_url=item.oauth2_auth_url,
            token_url=item.oauth2_token_url,
            revocation_url=item.oauth2_revocation_url,
            scopes=item.oauth2_scopes,
            scopes_are_chosen=item.oauth2_scopes_are_chosen,
            issuer=item.oauth2_issuer,
            issuer_is_pinned=item.oauth2_issuer_is_pinned,
            issues_iss=item.oauth2_issues_iss,
            resource=item.oauth2_resource,
            token_auth_method=item.oauth2_token_auth_method,
            registration=Registration(item.oauth2_registration),
            secret_expires_at=item.oauth2_secret_expires_at,
            registration_uri=item.oauth2_registration_uri,
            registration_token=item.oauth2_registration_token,
        ),
        api_key_header=item.api_key_header,
        api_key_value=item.api_key_value,
        custom_headers=item.custom_headers,
        tool_allow_list=tuple(item.tool_allow_list),
        tool_deny_list=tuple(item.tool_deny_list),
        tool_rules={name: ToolRule(rule) for name, rule in item.tool_rules.items()},
        tool_changes=ToolChanges(item.tool_changes),
        tool_approvals=int(item.tool_approvals),
        availability=Availability(item.availability),
        enabled=item.enabled,
        model_intent=item.model_intent,
        allow_in_plan_mode=item.allow_in_plan_mode,
        forward_coder_headers=item.forward_coder_headers,
        created_by=item.created_by,
        updated_by=item.updated_by,
        created_at=item.created_at,
        updated_at=item.updated_at,
        version=int(item.version),
        grant_generation=int(item.grant_generation),
        deleting=item.deleting,
        organization_ids=tuple(item.organization_ids),
        access_list=_to_access_list(item.access_list),
    )


def _to_lists(access: AccessList) -> dict[str, list[str]]:
    return {"users": sorted(access.user_ids), "groups": sorted(access.group_ids)}


def _to_access_list(stored: dict[str, list[str]] | None) -> AccessList | None:
    if stored is None:
        return None
    return AccessList(frozenset(stored["users"]), frozenset(stored["groups"]))

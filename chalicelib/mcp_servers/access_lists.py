"""Who may see and use a server: its access list, and who could be on it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.errors import Validation
from chalicelib.groups.models import Group
from chalicelib.groups.service import GroupService
from chalicelib.identity.models import Actor, User, UserStatus
from chalicelib.identity.permissions import Permission
from chalicelib.identity.service import IdentityService
from chalicelib.mcp_servers.auditing import describe_server
from chalicelib.mcp_servers.errors import InvalidAccessListError, InvalidCandidatePageError
from chalicelib.mcp_servers.models import AccessList, MCPServer
from chalicelib.mcp_servers.repository import MCPServerRepository
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.mcp_servers.visibility import is_in
from chalicelib.organizations.models import Organization
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock
from chalicelib.sdk.mcp_access import AccessRole

if TYPE_CHECKING:
    from chalicelib.sdk.requests.mcp_access import UpdateMCPServerACLRequest

MOST_ENTRIES = 500
"""Of users and groups together: one query reads all servers, so each must stay small."""
_MOST_PER_PAGE = 100
_LONGEST_SEARCH = 128


@dataclass(frozen=True, slots=True)
class UserEntry:
    """A user, and what the list lets them do."""

    user: User
    role: AccessRole


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """A group, whose it is, and what the list lets its members do."""

    group: Group
    organization: Organization
    role: AccessRole


@dataclass(frozen=True, slots=True)
class Entries:
    """Users and groups."""

    users: tuple[UserEntry, ...]
    groups: tuple[GroupEntry, ...]


class AccessListService:
    """Shows and changes access lists; lives as long as the container."""

    def __init__(
        self,
        repository: MCPServerRepository,
        servers: MCPServerService,
        organizations: OrganizationService,
        groups: GroupService,
        identity: IdentityService,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._servers = servers
        self._organizations = organizations
        self._groups = groups
        self._identity = identity
        self._clock = clock

    def get(self, actor: Actor, server_id: str) -> Entries:
        """The users and groups that may see and use a server; not those who are gone.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            NotAllowedError: the actor may not.
        """
        server = self._servers.require_allowed(actor, server_id, Permission.MCP_SERVER_READ)
        organizations = self._organizations_of(server)
        allowed = _effective(server, organizations)
        users = self._identity.find_users(sorted(allowed.user_ids)).values()
        groups = self._groups_of(organizations)
        return Entries(
            tuple(
                UserEntry(user, AccessRole.READ)
                for user in sorted(users, key=lambda each: each.username)
            ),
            tuple(each for each in _entries(groups, allowed) if each.role),
        )

    def update(self, actor: Actor, server_id: str, request: "UpdateMCPServerACLRequest") -> None:
        """Change entries of a server's access list; those that are not named stay.

        The first change turns "everyone in its organisations" into a list of what that means at the
        time. A list of just that is the default again.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            NotAllowedError: the actor may not.
            InvalidAccessListError: somebody is not in the server's organisations, or these are too
                many.
            VersionConflictError: somebody else changed the server meanwhile.
        """
        server = self._servers.require_allowed(actor, server_id, Permission.MCP_SERVER_WRITE)
        organizations = self._organizations_of(server)
        before = _effective(server, organizations)
        after = AccessList(
            _merge(before.user_ids, request.user_roles or {}),
            _merge(before.group_ids, request.group_roles or {}),
        )
        if after == before:
            return
        self._check_additions(server, organizations, before, after)
        is_default = after == _everyone(organizations)
        changed = replace(
            server,
            access_list=None if is_default else after,
            updated_by=actor.user_id,
            updated_at=self._clock(),
            version=server.version + 1,
        )
        changes = diff(describe_server(server), describe_server(changed))
        event = actor.did(Action.UPDATE, ObjectType.MCP_SERVER, server.id, changes)
        self._repository.replace(server, changed, event)

    def list_candidates(
        self, actor: Actor, server_id: str, *, search: str, limit: int, offset: int
    ) -> Entries:
        """Members and groups of a server's organisations, with what the list lets them do now.

        Args:
            actor: who asks.
            server_id: of which server.
            search: what a name, user name or e-mail address contains, in any case.
            limit: how many users, and how many groups, at most.
            offset: how many of each to leave out.

        Raises:
            InvalidServerIDError, ServerNotFoundError: there is no such server for the actor.
            NotAllowedError: the actor may not.
            InvalidCandidatePageError: there can be no such page.
        """
        server = self._servers.require_allowed(actor, server_id, Permission.MCP_SERVER_READ)
        if not 1 <= limit <= _MOST_PER_PAGE:
            raise InvalidCandidatePageError("limit", f"must be from 1 to {_MOST_PER_PAGE}")
        if len(search) > _LONGEST_SEARCH:
            raise InvalidCandidatePageError("q", f"must have at most {_LONGEST_SEARCH} characters")
        organizations = self._organizations_of(server)
        allowed, wanted = _effective(server, organizations), search.strip().casefold()
        users = (
            UserEntry(user, _role(user.id in allowed.user_ids))
            for user in self._members_of(organizations)
            if _matches(wanted, user.username, user.name, user.email)
        )
        groups = (
            each
            for each in _entries(self._groups_of(organizations), allowed)
            if _matches(wanted, each.group.name, each.group.display_name, each.organization.name)
        )
        end = offset + limit
        return Entries(tuple(islice(users, offset, end)), tuple(islice(groups, offset, end)))

    def _organizations_of(self, server: MCPServer) -> list[Organization]:
        return [each for each in self._organizations.list_all() if is_in(server, each.id)]

    def _groups_of(self, organizations: Sequence[Organization]) -> list[tuple[Group, Organization]]:
        return [
            (group, organization)
            for organization in organizations
            for group in self._groups.groups_of(organization)
        ]

    def _members_of(self, organizations: Sequence[Organization]) -> Iterator[User]:
        """The active members of organisations, each once; read as they are consumed."""
        seen: set[str] = set()
        for organization in organizations:
            members = self._organizations.iterate_members(organization.id)
            while batch := list(islice(members, 100)):
                ids = [each.user_id for each in batch if each.user_id not in seen]
                seen.update(ids)
                found = self._identity.find_users(ids)
                users = (found[id_] for id_ in ids if id_ in found)
                yield from (user for user in users if user.status is UserStatus.ACTIVE)

    def _check_additions(
        self,
        server: MCPServer,
        organizations: Sequence[Organization],
        before: AccessList,
        after: AccessList,
    ) -> None:
        if len(after.user_ids) + len(after.group_ids) > MOST_ENTRIES:
            raise InvalidAccessListError(
                f"An access list has at most {MOST_ENTRIES} entries. Use groups."
            )
        known = {group.id for group, _ in self._groups_of(organizations)}
        wrong = [
            Validation(f"group_roles.{id_}", "is no group of the server's organizations")
            for id_ in sorted(after.group_ids - before.group_ids - known)
        ]
        wrong += [
            Validation(f"user_roles.{id_}", "is no member of the server's organizations")
            for id_ in sorted(after.user_ids - before.user_ids)
            if not any(is_in(server, each) for each in self._organizations.ids_of(id_))
        ]
        if wrong:
            raise InvalidAccessListError("They cannot be given access to this server.", wrong)


def _effective(server: MCPServer, organizations: Iterable[Organization]) -> AccessList:
    return _everyone(organizations) if server.access_list is None else server.access_list


def _everyone(organizations: Iterable[Organization]) -> AccessList:
    return AccessList(group_ids=frozenset(each.id for each in organizations))


def _merge(before: frozenset[str], roles: Mapping[str, AccessRole]) -> frozenset[str]:
    removed = {id_ for id_, role in roles.items() if role is AccessRole.NONE}
    return (before | roles.keys()) - removed


def _entries(
    groups: Iterable[tuple[Group, Organization]], allowed: AccessList
) -> Iterator[GroupEntry]:
    for group, organization in groups:
        yield GroupEntry(group, organization, _role(group.id in allowed.group_ids))


def _role(is_listed: bool) -> AccessRole:
    return AccessRole.READ if is_listed else AccessRole.NONE


def _matches(wanted: str, *texts: str) -> bool:
    return any(wanted in text.casefold() for text in texts)

"""Groups: who manages them, who sees them, who is in them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.audit import Action
from chalicelib.groups.auditing import did_to_group, did_to_group_member
from chalicelib.groups.errors import (
    EveryoneGroupError,
    GroupExistsError,
    GroupNotFoundError,
    TooManyGroupsError,
)
from chalicelib.groups.models import EVERYONE, Group, everyone_of
from chalicelib.groups.repository import GroupRepository
from chalicelib.identity.models import Actor
from chalicelib.organizations.errors import MemberNotFoundError
from chalicelib.organizations.members import parse_page
from chalicelib.organizations.models import Membership, Organization
from chalicelib.organizations.permissions import OrganizationPermission
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock, new_id, parse_id

if TYPE_CHECKING:
    from chalicelib.sdk.requests.groups import CreateGroupRequest, UpdateGroupRequest

_MOST_GROUPS = 200  # Each membership holds the ids of its groups.


class GroupService:
    """Manages groups; lives as long as the container."""

    def __init__(
        self, repository: GroupRepository, organizations: OrganizationService, clock: Clock
    ) -> None:
        self._repository = repository
        self._organizations = organizations
        self._clock = clock

    def list_all(self, actor: Actor, organization_id: str) -> list[Group]:
        """An organisation's groups, that of everyone first.

        Raises:
            OrganizationNotFoundError: there is none, or the actor may not know.
        """
        return self.groups_of(self._readable(actor, organization_id))

    def get(self, actor: Actor, organization_id: str, group_id: str) -> Group:
        """One group.

        Raises:
            OrganizationNotFoundError: there is no such organisation, or the actor may not know.
            GroupNotFoundError: it has no such group.
        """
        return self._get(self._readable(actor, organization_id), group_id)

    def create(self, actor: Actor, organization_id: str, request: "CreateGroupRequest") -> Group:
        """Add a group.

        Raises:
            OrganizationNotFoundError, NotAllowedError: the actor may not.
            GroupExistsError: the name is taken in the organisation.
            TooManyGroupsError: the organisation has as many as it may have.
        """
        organization = self._writable(actor, organization_id)
        if request.name == EVERYONE:
            raise GroupExistsError
        if len(self._repository.list_all(organization.id)) >= _MOST_GROUPS:
            raise TooManyGroupsError(_MOST_GROUPS)
        now = self._clock()
        group = Group(
            id=new_id(),
            organization_id=organization.id,
            name=request.name,
            display_name=request.display_name or request.name,
            created_at=now,
            updated_at=now,
        )
        self._repository.add(group, did_to_group(actor, Action.CREATE, None, group))
        return group

    def update(
        self, actor: Actor, organization_id: str, group_id: str, request: "UpdateGroupRequest"
    ) -> Group:
        """Change a group's names; what is not named stays.

        Raises:
            OrganizationNotFoundError, NotAllowedError: the actor may not.
            GroupNotFoundError: the organisation has no such group.
            EveryoneGroupError: it is that of everyone.
            GroupExistsError: the name is taken in the organisation.
            GroupChangedError: somebody else changed it meanwhile.
        """
        before = self._manageable(actor, organization_id, group_id)
        if request.name == EVERYONE:
            raise GroupExistsError
        after = replace(
            before,
            name=request.name or before.name,
            display_name=request.display_name or before.display_name,
        )
        if after == before:
            return before
        after = replace(after, updated_at=self._clock(), version=before.version + 1)
        event = did_to_group(actor, Action.UPDATE, before, after)
        self._repository.replace(before, after, event)
        return after

    def delete(self, actor: Actor, organization_id: str, group_id: str) -> None:
        """Remove a group; its members stay in the organisation.

        It is hidden first, so an interruption leaves nothing visible, and a repeated call finishes.

        Raises:
            OrganizationNotFoundError, NotAllowedError: the actor may not.
            GroupNotFoundError: the organisation has no such group.
            EveryoneGroupError: it is that of everyone.
            GroupChangedError: somebody else changed it meanwhile.
        """
        group = self._manageable(actor, organization_id, group_id, closing=True)
        if not group.is_closing:
            hidden = replace(group, is_closing=True, version=group.version + 1)
            event = did_to_group(actor, Action.DELETE, group, hidden)
            self._repository.replace(group, hidden, event)
        self._repository.remove(group)

    def list_members(
        self,
        actor: Actor,
        organization_id: str,
        group_id: str,
        *,
        limit: int,
        after_id: str | None,
    ) -> list[Membership]:
        """The members of a group, by their ids.

        Raises:
            OrganizationNotFoundError: there is no such organisation, or the actor may not know.
            GroupNotFoundError: it has no such group.
            InvalidMemberPageError: the limit is out of range, or `after_id` is no id.
        """
        after = parse_page(limit, after_id)
        group = self.get(actor, organization_id, group_id)
        if group.is_everyone:
            return self._organizations.list_members(
                actor, organization_id, limit=limit, after_id=after_id
            )
        return self._repository.list_members(group, after=after, limit=limit)

    def add_member(self, actor: Actor, organization_id: str, group_id: str, user_id: str) -> None:
        """Put a member of the organisation into a group; safe to repeat.

        Raises:
            OrganizationNotFoundError, NotAllowedError: the actor may not.
            GroupNotFoundError: the organisation has no such group.
            EveryoneGroupError: it is that of everyone.
            MemberNotFoundError: the user is not a member of the organisation.
        """
        group = self._manageable(actor, organization_id, group_id)
        member_id = _parse_member(user_id)
        membership = self._organizations.find_membership(group.organization_id, member_id)
        if membership and group.id in membership.group_ids:
            return
        event = did_to_group_member(actor, Action.CREATE, group, member_id)
        self._repository.add_member(group, member_id, event)

    def remove_member(
        self, actor: Actor, organization_id: str, group_id: str, user_id: str
    ) -> None:
        """Take somebody out of a group.

        Raises:
            OrganizationNotFoundError, NotAllowedError: the actor may not.
            GroupNotFoundError: the organisation has no such group.
            EveryoneGroupError: it is that of everyone.
            MemberNotFoundError: they are not in it.
        """
        group = self._manageable(actor, organization_id, group_id)
        member_id = _parse_member(user_id)
        event = did_to_group_member(actor, Action.DELETE, group, member_id)
        self._repository.remove_member(group, member_id, event)

    def groups_of(self, organization: Organization) -> list[Group]:
        """An organisation's groups, that of everyone first, for the other services; one read."""
        found = self._repository.list_all(organization.id)
        return [everyone_of(organization), *(each for each in found if not each.is_closing)]

    def find_anywhere(self, group_id: str) -> Group | None:
        """A group of any organisation, for the other services; two reads, whatever there is."""
        parsed = parse_id(group_id)
        organizations = self._organizations.list_all() if parsed else []
        for organization in organizations:
            if organization.id == parsed:
                return everyone_of(organization)
        ids = [organization.id for organization in organizations]
        group = self._repository.find_in(ids, parsed) if parsed else None
        return None if group is None or group.is_closing else group

    def _readable(self, actor: Actor, organization_id: str) -> Organization:
        permission = OrganizationPermission.GROUP_READ
        return self._organizations.authorize(actor, organization_id, permission)

    def _writable(self, actor: Actor, organization_id: str) -> Organization:
        permission = OrganizationPermission.GROUP_WRITE
        return self._organizations.authorize(actor, organization_id, permission)

    def _get(self, organization: Organization, group_id: str, *, closing: bool = False) -> Group:
        parsed = parse_id(group_id)
        if parsed == organization.id:
            return everyone_of(organization)
        group = self._repository.find(organization.id, parsed) if parsed else None
        if group is None or (group.is_closing and not closing):
            raise GroupNotFoundError
        return group

    def _manageable(
        self, actor: Actor, organization_id: str, group_id: str, *, closing: bool = False
    ) -> Group:
        group = self._get(self._writable(actor, organization_id), group_id, closing=closing)
        if group.is_everyone:
            raise EveryoneGroupError
        return group


def _parse_member(user_id: str) -> str:
    parsed = parse_id(user_id)
    if parsed is None:
        raise MemberNotFoundError
    return parsed

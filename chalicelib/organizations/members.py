"""The members of an organisation: listed, added, changed, removed."""

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.audit import Action
from chalicelib.identity.models import Actor
from chalicelib.identity.repository import Extend
from chalicelib.identity.service import IdentityService
from chalicelib.organizations.access import OrganizationAccess
from chalicelib.organizations.auditing import did_to_member
from chalicelib.organizations.errors import (
    InvalidMemberPageError,
    MemberNotFoundError,
)
from chalicelib.organizations.models import Membership
from chalicelib.organizations.permissions import (
    OrganizationPermission,
    OrganizationRole,
)
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.primitives import Clock, parse_id
from chalicelib.storage import Transaction

if TYPE_CHECKING:
    from chalicelib.sdk.requests.organizations import MemberRolesRequest

DEFAULT_NAME = "default"
_MOST_PER_PAGE = 100


class MemberService(OrganizationAccess):
    """What of `OrganizationService` is about members."""

    def __init__(
        self, repository: OrganizationRepository, identity: IdentityService, clock: Clock
    ) -> None:
        super().__init__(repository)
        self._identity = identity
        self._clock = clock

    def list_members(
        self, actor: Actor, organization_id: str, *, limit: int, after_id: str | None
    ) -> list[Membership]:
        """Members of an organisation, by their ids.

        Raises:
            OrganizationNotFoundError: there is none, or the actor may not know.
            InvalidMemberPageError: the limit is out of range, or `after_id` is no id.
        """
        after = parse_page(limit, after_id)
        found = self.authorize(actor, organization_id, OrganizationPermission.MEMBER_READ)
        return self._repository.list_members(found.id, after=after, limit=limit)

    def add_member(
        self, actor: Actor, organization_id: str, user_id: str, request: "MemberRolesRequest"
    ) -> Membership:
        """Make a user a member.

        Raises:
            NotAllowedError: the actor administers neither the deployment nor the organisation.
            OrganizationNotFoundError: there is none, or the actor may not know.
            UserNotFoundError: there is no such user.
            MemberExistsError: the user is a member already.
        """
        found = self.authorize(actor, organization_id, OrganizationPermission.MEMBER_WRITE)
        user = self._identity.require_user(user_id)
        added = self._membership(found.id, user.id, _role(request))
        self._repository.add_member(added, did_to_member(actor, Action.CREATE, None, added))
        return added

    def set_roles(
        self, actor: Actor, organization_id: str, user_id: str, request: "MemberRolesRequest"
    ) -> Membership:
        """Say anew what a member may do.

        Raises:
            OrganizationNotFoundError, NotAllowedError: the actor may not.
            MemberNotFoundError: there is no such member.
        """
        membership = self._require_member(actor, organization_id, user_id)
        roles = tuple(dict.fromkeys((OrganizationRole.MEMBER, _role(request))))
        changed = replace(membership, roles=roles)
        if changed == membership:
            return membership
        event = did_to_member(actor, Action.UPDATE, membership, changed)
        self._repository.set_roles(changed, event)
        return changed

    def remove_member(self, actor: Actor, organization_id: str, user_id: str) -> None:
        """Let a member leave the organisation and its groups; their chats stay theirs.

        Raises:
            OrganizationNotFoundError, NotAllowedError: the actor may not.
            MemberNotFoundError: there is no such member.
        """
        membership = self._require_member(actor, organization_id, user_id)
        event = did_to_member(actor, Action.DELETE, membership, None)
        self._repository.remove_member(membership, event)

    def remove_all_of(self, user_id: str) -> bool:
        """Remove every membership of a deleted user; implements `identity.ports.Belongings`."""
        self._repository.remove_all_of(user_id)
        return True

    def joining_default(self, actor: Actor) -> Extend:
        """What makes a new user a member of the default organisation, in the same transaction."""
        organization_id = self._repository.find_id_by_name(DEFAULT_NAME)

        def join(transaction: Transaction) -> None:
            if organization_id:
                role = OrganizationRole.MEMBER
                member = self._membership(organization_id, actor.user_id, role)
                event = did_to_member(actor, Action.CREATE, None, member)
                self._repository.put_member(transaction, member, event)

        return join

    def _require_member(self, actor: Actor, organization_id: str, user_id: str) -> Membership:
        """A membership that the actor may change."""
        found = self.authorize(actor, organization_id, OrganizationPermission.MEMBER_WRITE)
        parsed = parse_id(user_id)
        membership = self._repository.find_membership(found.id, parsed) if parsed else None
        if membership is None:
            raise MemberNotFoundError
        return membership

    def _membership(self, organization_id: str, user_id: str, role: OrganizationRole) -> Membership:
        return Membership(
            organization_id=organization_id,
            user_id=user_id,
            roles=tuple(dict.fromkeys((OrganizationRole.MEMBER, role))),
            created_at=self._clock(),
        )


def parse_page(limit: int, after_id: str | None) -> str:
    """The id after which a page of members begins; empty for the first one.

    Raises:
        InvalidMemberPageError: the limit is out of range, or `after_id` is no id.
    """
    if not 1 <= limit <= _MOST_PER_PAGE:
        raise InvalidMemberPageError("limit", f"must be from 1 to {_MOST_PER_PAGE}")
    after = parse_id(after_id) if after_id else ""
    if after is None:
        raise InvalidMemberPageError("after_id", "must be the id of a user")
    return after


def _role(request: "MemberRolesRequest") -> OrganizationRole:
    is_admin = OrganizationRole.ADMIN in request.roles
    return OrganizationRole.ADMIN if is_admin else OrganizationRole.MEMBER

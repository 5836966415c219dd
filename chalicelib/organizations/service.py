"""Organisations, and who belongs to them."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from chalicelib.audit import Action
from chalicelib.identity.errors import NotAllowedError
from chalicelib.identity.models import OPERATOR, Actor, User
from chalicelib.identity.permissions import Permission
from chalicelib.identity.repository import Extend
from chalicelib.identity.service import IdentityService
from chalicelib.organizations.auditing import did_to_member, did_to_organization
from chalicelib.organizations.errors import (
    DefaultOrganizationError,
    InvalidMemberPageError,
    MemberExistsError,
    MemberNotFoundError,
    NotAMemberError,
    OrganizationExistsError,
    OrganizationHasChatsError,
    OrganizationNotFoundError,
)
from chalicelib.organizations.models import Membership, Organization
from chalicelib.organizations.permissions import (
    OrganizationPermission,
    OrganizationRole,
    is_allowed_in,
)
from chalicelib.organizations.ports import Chats, Files
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.primitives import Clock, new_id, parse_id
from chalicelib.sdk.organizations import (
    CreateOrganizationRequest,
    MemberRolesRequest,
    UpdateOrganizationRequest,
)
from chalicelib.storage import Transaction

_DEFAULT_NAME = "default"
_MOST_PER_PAGE = 100
_MOST_REMOVED_AT_ONCE = 2000  # Twenty transactions: a few seconds of the 29 that a request has.


class OrganizationService:
    """Manages organisations and memberships; lives as long as the container."""

    def __init__(
        self,
        repository: OrganizationRepository,
        identity: IdentityService,
        chats: Chats,
        files: Files,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._identity = identity
        self._chats = chats
        self._files = files
        self._clock = clock

    def authorize(
        self, actor: Actor, organization_id: str, permission: OrganizationPermission
    ) -> Organization:
        """An organisation in which the actor holds a permission.

        Raises:
            OrganizationNotFoundError: there is none, or the actor may not know.
            NotAllowedError: the actor is a member, and may not.
        """
        organization = self._get(organization_id)
        if actor.may(permission.for_site):
            return organization
        membership = self._repository.find_membership(organization.id, actor.user_id)
        if membership is None:
            raise OrganizationNotFoundError
        if not is_allowed_in(membership.roles, permission):
            raise NotAllowedError
        return organization

    def create(self, actor: Actor, request: CreateOrganizationRequest) -> Organization:
        """Add an organisation and make the actor its first admin.

        Raises:
            NotAllowedError: the actor may not.
            OrganizationExistsError: the name is taken.
        """
        actor.require(Permission.ORGANIZATION_WRITE)
        organization = self._new(
            request.name, request.display_name or request.name, request.description
        )
        admin = self._membership(organization.id, actor.user_id, OrganizationRole.ADMIN)
        event = did_to_organization(actor, Action.CREATE, None, organization)
        self._repository.add(organization, admin, event)
        return organization

    def get(self, actor: Actor, organization_id: str) -> Organization:
        """An organisation that the actor belongs to or administers.

        Raises:
            OrganizationNotFoundError: there is none, or the actor may not know.
        """
        return self.authorize(actor, organization_id, OrganizationPermission.READ)

    def list_visible(self, actor: Actor) -> list[Organization]:
        """The organisations that the actor belongs to; an admin sees all."""
        everything = self._repository.list_all()
        if actor.may(Permission.ORGANIZATION_READ):
            return everything
        mine = set(self.ids_of(actor.user_id))
        return [organization for organization in everything if organization.id in mine]

    def update(
        self, actor: Actor, organization_id: str, request: UpdateOrganizationRequest
    ) -> Organization:
        """Change an organisation; what is not named stays.

        Raises:
            OrganizationNotFoundError, NotAllowedError: the actor may not.
            DefaultOrganizationError: the default one would get another name.
            OrganizationExistsError: the name is taken.
            OrganizationChangedError: somebody else changed it meanwhile.
        """
        before = self.authorize(actor, organization_id, OrganizationPermission.WRITE)
        after = replace(
            before,
            name=request.name or before.name,
            display_name=request.display_name or before.display_name,
            description=before.description if request.description is None else request.description,
        )
        if after == before:
            return before
        if before.is_default and after.name != before.name:
            raise DefaultOrganizationError
        return self._replace(actor, Action.UPDATE, before, after)

    def delete(self, actor: Actor, organization_id: str) -> bool:
        """Remove an organisation with its members, groups and files, unless it has chats.

        It is hidden first, so an interruption leaves nothing visible, and a repeated call finishes.

        Returns:
            Whether nothing is left; otherwise the call is to be repeated.

        Raises:
            OrganizationNotFoundError, NotAllowedError: the actor may not.
            DefaultOrganizationError: it is the default one.
            OrganizationHasChatsError: it has chats.
            OrganizationChangedError: somebody else changed it meanwhile.
        """
        organization = self._find(organization_id)
        if organization is None or not actor.may(Permission.ORGANIZATION_WRITE):
            organization = self.authorize(actor, organization_id, OrganizationPermission.WRITE)
        if organization.is_default:
            raise DefaultOrganizationError
        if not organization.is_closing:
            if self._chats.has_any_in(organization.id):
                raise OrganizationHasChatsError
            closing = replace(organization, is_closing=True)
            organization = self._replace(actor, Action.DELETE, organization, closing)
        # Files that no chat shows, for there is none.
        if not self._files.remove_all_in(organization.id):
            return False
        return self._repository.remove(organization, _MOST_REMOVED_AT_ONCE)

    def ids_of(self, user_id: str) -> list[str]:
        """The ids of the organisations that a user belongs to, longest-standing first."""
        return [membership.organization_id for membership in self.memberships_of(user_id)]

    def memberships_of(self, user_id: str) -> list[Membership]:
        """A user's memberships with their roles and groups, longest-standing first; one read."""
        return self._repository.list_memberships(user_id)

    def find_membership(self, organization_id: str, user_id: str) -> Membership | None:
        """A user's membership in an organisation, for the other services."""
        return self._repository.find_membership(organization_id, user_id)

    def list_all(self) -> list[Organization]:
        """Every organisation, for the other services; they decide who may ask."""
        return self._repository.list_all()

    def iterate_members(self, organization_id: str) -> Iterator[Membership]:
        """The members of an organisation, by id, for the other services."""
        return self._repository.iterate_members(organization_id)

    def find_missing(self, organization_ids: Sequence[str]) -> list[str]:
        """Those of the ids that are no organisation's, for the other services; a read for each."""
        return [each for each in organization_ids if self._find_open(each) is None]

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
        self, actor: Actor, organization_id: str, user_id: str, request: MemberRolesRequest
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
        self, actor: Actor, organization_id: str, user_id: str, request: MemberRolesRequest
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

    def require_audit_reader(self, actor: Actor, organization_id: str | None) -> None:
        """Insist that the actor may read the audit log: an admin their organisation's, owners all.

        Raises:
            NotAllowedError: the actor is neither.
            OrganizationNotFoundError: there is no such organisation, or the actor may not know.
        """
        if actor.may(Permission.AUDIT_READ):  # That of deleted organisations, too.
            return
        if organization_id is None:
            raise NotAllowedError
        self.authorize(actor, organization_id, OrganizationPermission.AUDIT_READ)

    def require_member(self, actor: Actor, organization_id: str) -> Membership:
        """The actor's membership in an organisation.

        Raises:
            NotAMemberError: the actor is not in it, or there is no such organisation.
        """
        parsed = parse_id(organization_id)
        membership = parsed and self._repository.find_membership(parsed, actor.user_id)
        if not membership:
            raise NotAMemberError
        return membership

    def remove_all_of(self, user_id: str) -> bool:
        """Remove every membership of a deleted user; implements `identity.ports.Belongings`."""
        self._repository.remove_all_of(user_id)
        return True

    def joining_default(self, actor: Actor) -> Extend:
        """What makes a new user a member of the default organisation, in the same transaction."""
        organization_id = self._repository.find_id_by_name(_DEFAULT_NAME)

        def join(transaction: Transaction) -> None:
            if organization_id:
                role = OrganizationRole.MEMBER
                member = self._membership(organization_id, actor.user_id, role)
                event = did_to_member(actor, Action.CREATE, None, member)
                self._repository.put_member(transaction, member, event)

        return join

    def ensure_default(self, owner: User) -> Organization:
        """Make the default organisation with its admin, or see that both exist.

        For the operator's tools, which reach the tables themselves; no route leads here.
        """
        organization_id = self._repository.find_id_by_name(_DEFAULT_NAME)
        if organization_id is None:
            organization = self._new(_DEFAULT_NAME, "Default", "", is_default=True)
            admin = self._membership(organization.id, owner.id, OrganizationRole.ADMIN)
            event = did_to_organization(OPERATOR, Action.CREATE, None, organization)
            try:
                self._repository.add(organization, admin, event)
            except OrganizationExistsError:  # Another process was quicker.
                return self.ensure_default(owner)
            return organization
        admin = self._membership(organization_id, owner.id, OrganizationRole.ADMIN)
        with suppress(MemberExistsError):
            event = did_to_member(OPERATOR, Action.CREATE, None, admin)
            self._repository.add_member(admin, event)
        return self._get(organization_id)

    def _find(self, organization_id: str) -> Organization | None:
        parsed = parse_id(organization_id)
        return self._repository.find(parsed) if parsed else None

    def _get(self, organization_id: str) -> Organization:
        organization = self._find_open(organization_id)
        if organization is None:
            raise OrganizationNotFoundError
        return organization

    def _find_open(self, organization_id: str) -> Organization | None:
        organization = self._find(organization_id)
        return None if organization is None or organization.is_closing else organization

    def _require_member(self, actor: Actor, organization_id: str, user_id: str) -> Membership:
        """A membership that the actor may change."""
        found = self.authorize(actor, organization_id, OrganizationPermission.MEMBER_WRITE)
        parsed = parse_id(user_id)
        membership = self._repository.find_membership(found.id, parsed) if parsed else None
        if membership is None:
            raise MemberNotFoundError
        return membership

    def _replace(
        self, actor: Actor, action: Action, before: Organization, after: Organization
    ) -> Organization:
        after = replace(after, updated_at=self._clock(), version=before.version + 1)
        event = did_to_organization(actor, action, before, after)
        self._repository.replace(before, after, event)
        return after

    def _membership(self, organization_id: str, user_id: str, role: OrganizationRole) -> Membership:
        return Membership(
            organization_id=organization_id,
            user_id=user_id,
            roles=tuple(dict.fromkeys((OrganizationRole.MEMBER, role))),
            created_at=self._clock(),
        )

    def _new(
        self, name: str, display_name: str, description: str, *, is_default: bool = False
    ) -> Organization:
        now = self._clock()
        return Organization(
            id=new_id(),
            name=name,
            display_name=display_name,
            description=description,
            is_default=is_default,
            created_at=now,
            updated_at=now,
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


def _role(request: MemberRolesRequest) -> OrganizationRole:
    is_admin = OrganizationRole.ADMIN in request.roles
    return OrganizationRole.ADMIN if is_admin else OrganizationRole.MEMBER

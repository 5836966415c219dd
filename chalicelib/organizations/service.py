"""Organisations, and who belongs to them."""

from contextlib import suppress

from chalicelib.identity.models import Actor, User
from chalicelib.identity.permissions import Permission
from chalicelib.identity.service import IdentityService
from chalicelib.organizations.errors import (
    MemberExistsError,
    NotAMemberError,
    OrganizationExistsError,
    OrganizationNotFoundError,
)
from chalicelib.organizations.models import Membership, Organization, OrganizationRole
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.primitives import Clock, new_id, parse_id
from chalicelib.sdk.organizations import AddMemberRequest, CreateOrganizationRequest

_DEFAULT_NAME = "default"


class OrganizationService:
    """Manages organisations and memberships; lives as long as the container."""

    def __init__(
        self, repository: OrganizationRepository, identity: IdentityService, clock: Clock
    ) -> None:
        self._repository = repository
        self._identity = identity
        self._clock = clock

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
        self._repository.add(
            organization,
            self._membership(organization.id, actor.user_id, OrganizationRole.ADMIN),
        )
        return organization

    def get(self, actor: Actor, organization_id: str) -> Organization:
        """An organisation that the actor belongs to or administers.

        Raises:
            OrganizationNotFoundError: there is none, or the actor may not know.
        """
        wanted = self._parse(organization_id)
        if not actor.may(Permission.ORGANIZATION_READ):
            self._require_visible(actor, wanted)
        organization = self._repository.find(wanted)
        if organization is None:
            raise OrganizationNotFoundError
        return organization

    def list_visible(self, actor: Actor) -> list[Organization]:
        """The organisations that the actor belongs to; an admin sees all."""
        everything = self._repository.list_all()
        if actor.may(Permission.ORGANIZATION_READ):
            return everything
        mine = set(self.ids_of(actor.user_id))
        return [organization for organization in everything if organization.id in mine]

    def ids_of(self, user_id: str) -> list[str]:
        """The ids of the organisations that a user belongs to, longest-standing first."""
        return [
            membership.organization_id for membership in self._repository.list_memberships(user_id)
        ]

    def list_members(self, actor: Actor, organization_id: str) -> list[Membership]:
        """The members of an organisation.

        Raises:
            OrganizationNotFoundError: there is none, or the actor may not know.
        """
        return self._repository.list_members(self.get(actor, organization_id).id)

    def add_member(
        self, actor: Actor, organization_id: str, user_id: str, request: AddMemberRequest
    ) -> Membership:
        """Make a user a member.

        Raises:
            NotAllowedError: the actor administers neither the deployment nor the organisation.
            OrganizationNotFoundError: there is none, or the actor may not know.
            UserNotFoundError: there is no such user.
            MemberExistsError: the user is a member already.
        """
        wanted = self._parse(organization_id)
        if not actor.may(Permission.ORGANIZATION_WRITE):
            membership = self._require_visible(actor, wanted)
            if not membership.is_admin:
                actor.require(Permission.ORGANIZATION_WRITE)
        user = self._identity.require_user(user_id)
        role = (
            OrganizationRole.ADMIN
            if OrganizationRole.ADMIN in request.roles
            else OrganizationRole.MEMBER
        )
        added = self._membership(wanted, user.id, role)
        self._repository.add_member(added)
        return added

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
        for membership in self._repository.list_memberships(user_id):
            self._repository.remove_member(membership.organization_id, user_id)
        return True

    def ensure_default(self, owner: User) -> Organization:
        """Make the default organisation with its admin, or see that both exist.

        For the operator's tools, which reach the tables themselves; no route leads here.
        """
        organization_id = self._repository.find_id_by_name(_DEFAULT_NAME)
        if organization_id is None:
            organization = self._new(_DEFAULT_NAME, "Default", "", is_default=True)
            admin = self._membership(organization.id, owner.id, OrganizationRole.ADMIN)
            try:
                self._repository.add(organization, admin)
            except OrganizationExistsError:  # Another process was quicker.
                return self.ensure_default(owner)
            return organization
        admin = self._membership(organization_id, owner.id, OrganizationRole.ADMIN)
        with suppress(MemberExistsError):
            self._repository.add_member(admin)
        found = self._repository.find(organization_id)
        if found is None:
            raise OrganizationNotFoundError
        return found

    def _require_visible(self, actor: Actor, organization_id: str) -> Membership:
        membership = self._repository.find_membership(organization_id, actor.user_id)
        if membership is None:
            raise OrganizationNotFoundError
        return membership

    @staticmethod
    def _parse(organization_id: str) -> str:
        parsed = parse_id(organization_id)
        if parsed is None:
            raise OrganizationNotFoundError
        return parsed

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

"""Who belongs to which organisation, and what they may do there."""

from collections.abc import Iterator, Sequence

from chalicelib.identity.errors import NotAllowedError
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.organizations.errors import (
    NotAMemberError,
    OrganizationNotFoundError,
)
from chalicelib.organizations.models import Membership, Organization
from chalicelib.organizations.permissions import (
    OrganizationPermission,
    is_allowed_in,
)
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.primitives import parse_id


class OrganizationAccess:
    """What of `OrganizationService` the other services ask; changes nothing."""

    def __init__(self, repository: OrganizationRepository) -> None:
        self._repository = repository

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

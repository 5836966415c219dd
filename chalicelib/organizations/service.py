"""Organisations: made, changed, removed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.audit import Action
from chalicelib.identity.models import OPERATOR, Actor, User
from chalicelib.identity.permissions import Permission
from chalicelib.identity.service import IdentityService
from chalicelib.organizations.auditing import did_to_member, did_to_organization
from chalicelib.organizations.errors import (
    DefaultOrganizationError,
    MemberExistsError,
    OrganizationExistsError,
    OrganizationHasChatsError,
)
from chalicelib.organizations.members import DEFAULT_NAME, MemberService
from chalicelib.organizations.models import Organization
from chalicelib.organizations.permissions import (
    OrganizationPermission,
    OrganizationRole,
)
from chalicelib.organizations.ports import Chats, Files
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.primitives import Clock, new_id

if TYPE_CHECKING:
    from chalicelib.sdk.requests.organizations import (
        CreateOrganizationRequest,
        UpdateOrganizationRequest,
    )

_MOST_REMOVED_AT_ONCE = 2000  # Twenty transactions: a few seconds of the 29 that a request has.


class OrganizationService(MemberService):
    """Manages organisations and memberships; lives as long as the container.

    What it knows of chats and files it is given when an organisation is deleted.
    """

    def __init__(
        self,
        repository: OrganizationRepository,
        identity: IdentityService,
        chats: Callable[[], Chats],
        files: Callable[[], Files],
        clock: Clock,
    ) -> None:
        super().__init__(repository, identity, clock)
        self._chats = chats
        self._files = files

    def create(self, actor: Actor, request: "CreateOrganizationRequest") -> Organization:
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
        self, actor: Actor, organization_id: str, request: "UpdateOrganizationRequest"
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
            if self._chats().has_any_in(organization.id):
                raise OrganizationHasChatsError
            closing = replace(organization, is_closing=True)
            organization = self._replace(actor, Action.DELETE, organization, closing)
        # Files that no chat shows, for there is none.
        if not self._files().remove_all_in(organization.id):
            return False
        return self._repository.remove(organization, _MOST_REMOVED_AT_ONCE)

    def ensure_default(self, owner: User) -> Organization:
        """Make the default organisation with its admin, or see that both exist.

        For the operator's tools, which reach the tables themselves; no route leads here.
        """
        organization_id = self._repository.find_id_by_name(DEFAULT_NAME)
        if organization_id is None:
            organization = self._new(DEFAULT_NAME, "Default", "", is_default=True)
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

    def _replace(
        self, actor: Actor, action: Action, before: Organization, after: Organization
    ) -> Organization:
        after = replace(after, updated_at=self._clock(), version=before.version + 1)
        event = did_to_organization(actor, action, before, after)
        self._repository.replace(before, after, event)
        return after

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

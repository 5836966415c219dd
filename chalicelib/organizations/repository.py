"""The organizations table.

ORG#<id>    / profile         an organisation; in the lookup index under ORGS, by name
ORG#<id>    / MEMBER#<user>   a membership; in the lookup index under USER#<user>
NAME#<name> / guard           keeps a name unique
"""

from typing import Any

from pynamodb.attributes import BooleanAttribute, ListAttribute, UnicodeAttribute

from chalicelib.organizations.errors import (
    MemberExistsError,
    OrganizationExistsError,
    OrganizationNotFoundError,
)
from chalicelib.organizations.models import Membership, Organization, OrganizationRole
from chalicelib.storage import Database, Item, LookupItem, UTCDateTime, time_key
from chalicelib.storage.conditions import refusal_ignored


class OrganizationItem(LookupItem):
    """An organisation."""

    organization_id = UnicodeAttribute()
    name = UnicodeAttribute()
    display_name = UnicodeAttribute()
    description = UnicodeAttribute()
    is_default = BooleanAttribute()
    created_at = UTCDateTime()
    updated_at = UTCDateTime()


class MembershipItem(LookupItem):
    """A membership."""

    organization_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    roles: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    created_at = UTCDateTime()


class NameGuardItem(Item):
    """Holds a name for one organisation."""

    organization_id = UnicodeAttribute()


class OrganizationRepository:
    """Stores organisations and their members."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._organizations = database.bind(OrganizationItem, "organizations")
        self._members = database.bind(MembershipItem, "organizations")
        self._names = database.bind(NameGuardItem, "organizations")

    def find(self, organization_id: str) -> Organization | None:
        """An organisation by id."""
        item = self._organizations.find(_key(organization_id), "profile")
        return None if item is None else _to_organization(item)

    def find_id_by_name(self, name: str) -> str | None:
        """The id of the organisation with a name."""
        guard = self._names.find(f"NAME#{name}", "guard")
        return None if guard is None else str(guard.organization_id)

    def list_all(self) -> list[Organization]:
        """Every organisation, by name."""
        found = self._organizations.query("ORGS", index_name="lookup")
        return [_to_organization(item) for item in found]

    def add(self, organization: Organization, admin: Membership) -> None:
        """Store a new organisation together with its first admin.

        Raises:
            OrganizationExistsError: the name is taken.
        """
        transaction = self._database.transaction()
        transaction.put(
            self._names(
                PK=f"NAME#{organization.name}", SK="guard", organization_id=organization.id
            ),
            self._names.absent(),
            OrganizationExistsError(),
        )
        transaction.put(
            self._to_item(organization), self._organizations.absent(), OrganizationExistsError()
        )
        transaction.put(self._member_item(admin), self._members.absent(), MemberExistsError())
        transaction.commit()

    def find_membership(self, organization_id: str, user_id: str) -> Membership | None:
        """A user's membership in an organisation."""
        item = self._members.find(_key(organization_id), f"MEMBER#{user_id}")
        return None if item is None else _to_membership(item)

    def list_memberships(self, user_id: str) -> list[Membership]:
        """All of a user's memberships, oldest first."""
        found = self._members.query(f"USER#{user_id}", index_name="lookup")
        return [_to_membership(item) for item in found]

    def list_members(self, organization_id: str) -> list[Membership]:
        """All members of an organisation."""
        found = self._members.query(
            _key(organization_id),
            self._members.SK.startswith("MEMBER#"),
            consistent_read=True,
        )
        return [_to_membership(item) for item in found]

    def add_member(self, membership: Membership) -> None:
        """Store a new membership.

        Raises:
            MemberExistsError: the user is a member already.
            OrganizationNotFoundError: the organisation is gone.
        """
        transaction = self._database.transaction()
        transaction.check(
            self._organizations,
            (_key(membership.organization_id), "profile"),
            self._organizations.present(),
            OrganizationNotFoundError(),
        )
        transaction.put(self._member_item(membership), self._members.absent(), MemberExistsError())
        transaction.commit()

    def remove_member(self, organization_id: str, user_id: str) -> None:
        """Remove a membership; nothing happens if it is gone."""
        item = self._members(_key(organization_id), f"MEMBER#{user_id}")
        with refusal_ignored():
            item.delete(condition=self._members.present())

    def _member_item(self, membership: Membership) -> MembershipItem:
        return self._members(
            PK=_key(membership.organization_id),
            SK=f"MEMBER#{membership.user_id}",
            LPK=f"USER#{membership.user_id}",
            LSK=f"{time_key(membership.created_at)}#{membership.organization_id}",
            organization_id=membership.organization_id,
            user_id=membership.user_id,
            roles=list(membership.roles),
            created_at=membership.created_at,
        )

    def _to_item(self, organization: Organization) -> OrganizationItem:
        return self._organizations(
            PK=_key(organization.id),
            SK="profile",
            LPK="ORGS",
            LSK=organization.name,
            organization_id=organization.id,
            name=organization.name,
            display_name=organization.display_name,
            description=organization.description,
            is_default=organization.is_default,
            created_at=organization.created_at,
            updated_at=organization.updated_at,
        )


def _key(organization_id: str) -> str:
    return f"ORG#{organization_id}"


def _to_organization(item: OrganizationItem) -> Organization:
    return Organization(
        id=item.organization_id,
        name=item.name,
        display_name=item.display_name,
        description=item.description,
        is_default=item.is_default,
        created_at=item.created_at,
        updated_at=item.updated_at,
    )


def _to_membership(item: MembershipItem) -> Membership:
    return Membership(
        organization_id=item.organization_id,
        user_id=item.user_id,
        roles=tuple(OrganizationRole(role) for role in item.roles),
        created_at=item.created_at,
    )

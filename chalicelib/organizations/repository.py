"""The organizations table.

ORG#<id>    / profile         an organisation; in the lookup index under ORGS, by name
ORG#<id>    / MEMBER#<user>   a membership; in the lookup index under USER#<user>
NAME#<name> / guard           keeps a name unique

`groups` keeps its items in the same partitions.
"""

from collections.abc import Iterator
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.expressions.condition import Condition

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.identity.repository import IdentityRepository
from chalicelib.organizations.errors import (
    MemberExistsError,
    MemberNotFoundError,
    NotAMemberError,
    OrganizationChangedError,
    OrganizationExistsError,
    OrganizationNotFoundError,
)
from chalicelib.organizations.models import Membership, Organization
from chalicelib.organizations.permissions import OrganizationRole
from chalicelib.storage import Database, Item, LookupItem, Transaction, UTCDateTime, time_key


class OrganizationItem(LookupItem):
    """An organisation."""

    organization_id = UnicodeAttribute()
    name = UnicodeAttribute()
    display_name = UnicodeAttribute()
    description = UnicodeAttribute()
    is_default = BooleanAttribute()
    created_at = UTCDateTime()
    updated_at = UTCDateTime()
    is_closing = BooleanAttribute()
    version = NumberAttribute()


class MembershipItem(LookupItem):
    """A membership."""

    organization_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    roles: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    created_at = UTCDateTime()
    group_ids = UnicodeSetAttribute(null=True)


class NameGuardItem(Item):
    """Holds a name for one organisation."""

    organization_id = UnicodeAttribute()


class OrganizationRepository:
    """Stores organisations and their members."""

    def __init__(
        self, database: Database, audit: AuditRepository, identity: IdentityRepository
    ) -> None:
        self._database = database
        self._audit = audit
        self._identity = identity
        self._organizations = database.bind(OrganizationItem, "organizations")
        self._members = database.bind(MembershipItem, "organizations")
        self._names = database.bind(NameGuardItem, "organizations")
        self._anything = database.bind(Item, "organizations")

    def find(self, organization_id: str) -> Organization | None:
        """An organisation by id, also one that is being deleted."""
        item = self._organizations.find(_key(organization_id), "profile")
        return None if item is None else _to_organization(item)

    def find_id_by_name(self, name: str) -> str | None:
        """The id of the organisation with a name."""
        guard = self._names.find(_name_key(name), "guard")
        return None if guard is None else str(guard.organization_id)

    def list_all(self) -> list[Organization]:
        """Every organisation, by name; not those that are being deleted."""
        found = self._organizations.query("ORGS", index_name="lookup")
        return [_to_organization(item) for item in found if not item.is_closing]

    def add(self, organization: Organization, admin: Membership, event: NewEvent) -> None:
        """Store a new organisation together with its first admin.

        Raises:
            OrganizationExistsError: the name is taken.
        """
        transaction = self._audit.transaction(event)
        self._take_name(transaction, organization)
        transaction.put(
            self._to_item(organization), self._organizations.absent(), OrganizationExistsError()
        )
        transaction.put(self._member_item(admin), self._members.absent(), MemberExistsError())
        transaction.commit()

    def replace(self, before: Organization, after: Organization, event: NewEvent) -> None:
        """Store an organisation in place of what was read.

        Raises:
            OrganizationChangedError: somebody else changed it meanwhile.
            OrganizationExistsError: the name is taken.
        """
        transaction = self._audit.transaction(event)
        unchanged = self._organizations.version == before.version
        transaction.put(self._to_item(after), unchanged, OrganizationChangedError())
        if before.name != after.name:
            self._free_name(transaction, before)
            self._take_name(transaction, after)
        transaction.commit()

    def remove(self, organization: Organization, most: int) -> bool:
        """Remove an organisation that is being deleted, with its members and groups.

        That it is being deleted is recorded.

        Args:
            organization: which.
            most: how many items at most.

        Returns:
            Whether nothing is left; otherwise it is to be repeated.
        """
        found = self._anything.query(_key(organization.id), consistent_read=True, limit=most + 1)
        items = [item for item in found if item.SK != "profile"]
        self._database.remove_all(items[:most])
        if len(items) > most:
            return False
        transaction = self._database.transaction()
        self._free_name(transaction, organization)
        profile = self._organizations(_key(organization.id), "profile")
        closing: Condition = self._organizations.is_closing == True  # noqa: E712 -- a condition
        transaction.delete(profile, closing, OrganizationChangedError())
        transaction.commit()
        return True

    def require_open(self, transaction: Transaction, organization_id: str) -> None:
        """Let a transaction fail, as OrganizationNotFoundError, unless an organisation is there."""
        transaction.check(
            self._organizations,
            (_key(organization_id), "profile"),
            self._organizations.is_closing == False,  # noqa: E712 -- a condition
            OrganizationNotFoundError(),
        )

    def require_member(self, transaction: Transaction, organization_id: str, user_id: str) -> None:
        """Let a transaction fail, as NotAMemberError, unless a user is a member.

        It looks at their own item only: one that all members' transactions looked at would let but
        one of them through at a time.
        """
        key = (_key(organization_id), f"MEMBER#{user_id}")
        transaction.check(self._members, key, self._members.present(), NotAMemberError())

    def find_membership(self, organization_id: str, user_id: str) -> Membership | None:
        """A user's membership in an organisation."""
        item = self._members.find(_key(organization_id), f"MEMBER#{user_id}")
        return None if item is None else to_membership(item)

    def list_memberships(self, user_id: str) -> list[Membership]:
        """All of a user's memberships, oldest first."""
        found = self._members.query(f"USER#{user_id}", index_name="lookup")
        return [to_membership(item) for item in found]

    def list_members(self, organization_id: str, *, after: str, limit: int) -> list[Membership]:
        """Members of an organisation by their ids, from the one after `after` on."""
        # "~" sorts behind every character of an id.
        first = f"MEMBER#{after}~" if after else "MEMBER#"
        found = self._members.query(
            _key(organization_id),
            self._members.SK.between(first, "MEMBER#~"),
            consistent_read=True,
            limit=limit,
        )
        return [to_membership(item) for item in found]

    def iterate_members(self, organization_id: str) -> Iterator[Membership]:
        """All members of an organisation, by id; a read for each hundred that are consumed."""
        found = self._members.query(
            _key(organization_id),
            self._members.SK.startswith("MEMBER#"),
            consistent_read=True,
            limit=None,
            page_size=100,
        )
        return map(to_membership, found)

    def add_member(self, membership: Membership, event: NewEvent) -> None:
        """Store a new membership.

        Raises:
            MemberExistsError: the user is a member already.
            OrganizationNotFoundError: the organisation is gone.
            UserNotFoundError: the user is gone.
        """
        transaction = self._database.transaction()
        self._identity.require_present(transaction, membership.user_id)
        self.put_member(transaction, membership, event)
        transaction.commit()

    def put_member(self, transaction: Transaction, membership: Membership, event: NewEvent) -> None:
        """Add a new membership to a transaction; its refusals are those of `add_member`."""
        self._audit.record(transaction, event)
        self.require_open(transaction, membership.organization_id)
        transaction.put(self._member_item(membership), self._members.absent(), MemberExistsError())

    def set_roles(self, membership: Membership, event: NewEvent) -> None:
        """Store what a member may do.

        Raises:
            MemberNotFoundError: they have left.
        """
        transaction = self._audit.transaction(event)
        roles = self._members.roles.set(list(membership.roles))
        present = self._members.present()
        transaction.update(self._key_of(membership), [roles], present, MemberNotFoundError())
        transaction.commit()

    def remove_member(self, membership: Membership, event: NewEvent) -> None:
        """Remove a membership.

        Raises:
            MemberNotFoundError: they have left.
        """
        transaction = self._audit.transaction(event)
        present = self._members.present()
        transaction.delete(self._key_of(membership), present, MemberNotFoundError())
        transaction.commit()

    def remove_all_of(self, user_id: str) -> None:
        """Remove a deleted user's memberships; that they were deleted is recorded."""
        found = self.list_memberships(user_id)
        self._database.remove_all([self._key_of(membership) for membership in found])

    def _take_name(self, transaction: Transaction, organization: Organization) -> None:
        guard = self._names(
            PK=_name_key(organization.name), SK="guard", organization_id=organization.id
        )
        transaction.put(guard, self._names.absent(), OrganizationExistsError())

    def _free_name(self, transaction: Transaction, organization: Organization) -> None:
        guard = self._names(_name_key(organization.name), "guard")
        transaction.delete(guard, self._names.present(), OrganizationChangedError())

    def _key_of(self, membership: Membership) -> MembershipItem:
        return self._members(_key(membership.organization_id), f"MEMBER#{membership.user_id}")

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
            group_ids=set(membership.group_ids) or None,
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
            is_closing=organization.is_closing,
            version=organization.version,
        )


def to_membership(item: MembershipItem) -> Membership:
    """A membership as it is stored."""
    return Membership(
        organization_id=item.organization_id,
        user_id=item.user_id,
        roles=tuple(OrganizationRole(role) for role in item.roles),
        created_at=item.created_at,
        group_ids=frozenset(item.group_ids or ()),
    )


def _key(organization_id: str) -> str:
    return f"ORG#{organization_id}"


def _name_key(name: str) -> str:
    return f"NAME#{name}"


def _to_organization(item: OrganizationItem) -> Organization:
    return Organization(
        id=item.organization_id,
        name=item.name,
        display_name=item.display_name,
        description=item.description,
        is_default=item.is_default,
        created_at=item.created_at,
        updated_at=item.updated_at,
        is_closing=item.is_closing,
        version=int(item.version),
    )

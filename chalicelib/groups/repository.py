"""Groups in the organizations table.

ORG#<id> / GROUP#<id>         a group
ORG#<id> / GROUPNAME#<name>   keeps a name unique in its organisation

Who is in a group stands in the memberships, as the ids of their groups: so one read tells all that
an organisation lets somebody do, and whoever leaves it leaves its groups.
"""

from collections.abc import Sequence

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.groups.errors import GroupChangedError, GroupExistsError, GroupNotFoundError
from chalicelib.groups.models import Group
from chalicelib.organizations.errors import MemberNotFoundError
from chalicelib.organizations.models import Membership
from chalicelib.organizations.repository import (
    MembershipItem,
    OrganizationRepository,
    to_membership,
)
from chalicelib.storage import Database, Item, Transaction, UTCDateTime, VersionedItem
from chalicelib.storage.conditions import refusal_ignored


class GroupItem(VersionedItem):
    """A group."""

    group_id = UnicodeAttribute()
    organization_id = UnicodeAttribute()
    name = UnicodeAttribute()
    display_name = UnicodeAttribute()
    created_at = UTCDateTime()
    updated_at = UTCDateTime()
    is_closing = BooleanAttribute()


class GroupNameItem(Item):
    """Holds a name for one group of an organisation."""

    group_id = UnicodeAttribute()


class GroupRepository:
    """Stores groups, and who is in them."""

    def __init__(
        self, database: Database, audit: AuditRepository, organizations: OrganizationRepository
    ) -> None:
        self._database = database
        self._audit = audit
        self._organizations = organizations
        self._groups = database.bind(GroupItem, "organizations")
        self._names = database.bind(GroupNameItem, "organizations")
        self._members = database.bind(MembershipItem, "organizations")

    def find(self, organization_id: str, group_id: str) -> Group | None:
        """A group, also one that is being deleted."""
        item = self._groups.find(_key(organization_id), f"GROUP#{group_id}")
        return None if item is None else _to_group(item)

    def find_in(self, organization_ids: Sequence[str], group_id: str) -> Group | None:
        """A group of one of many organisations; a read for every hundred of them."""
        keys = [(_key(each), f"GROUP#{group_id}") for each in organization_ids]
        found = self._groups.batch_get(keys, consistent_read=True) if keys else ()
        return next((_to_group(item) for item in found), None)

    def list_all(self, organization_id: str) -> list[Group]:
        """Every group of an organisation, by name."""
        found = self._groups.query(
            _key(organization_id), self._groups.SK.startswith("GROUP#"), consistent_read=True
        )
        return sorted(map(_to_group, found), key=lambda each: each.name)

    def add(self, group: Group, event: NewEvent) -> None:
        """Store a new group.

        Raises:
            GroupExistsError: the name is taken in the organisation.
            OrganizationNotFoundError: the organisation is gone.
        """
        transaction = self._audit.transaction(event)
        self._organizations.require_open(transaction, group.organization_id)
        transaction.put(self._to_item(group), self._groups.absent(), GroupExistsError())
        self._take_name(transaction, group)
        transaction.commit()

    def replace(self, before: Group, after: Group, event: NewEvent) -> None:
        """Store a group in place of what was read; one that is being deleted frees its name.

        Raises:
            GroupChangedError: somebody else changed it meanwhile.
            GroupExistsError: the name is taken in the organisation.
        """
        transaction = self._audit.transaction(event)
        unchanged = self._groups.at_version(before.version)
        transaction.put(self._to_item(after), unchanged, GroupChangedError())
        if before.name != after.name or after.is_closing:
            held = self._names(_key(before.organization_id), f"GROUPNAME#{before.name}")
            transaction.delete(held, self._names.present(), GroupChangedError())
        if before.name != after.name:
            self._take_name(transaction, after)
        transaction.commit()

    def remove(self, group: Group) -> None:
        """Take everybody out of a group that is being deleted, then forget it; safe to repeat.

        That it is being deleted is recorded.
        """
        groups = self._members.group_ids
        for member in self.list_members(group, after="", limit=None):
            with refusal_ignored():  # They have left meanwhile.
                self._member_key(group, member.user_id).update(
                    actions=[groups.delete({group.id})], condition=groups.contains(group.id)
                )
        item = self._groups(_key(group.organization_id), f"GROUP#{group.id}")
        self._database.remove_all([item])

    def list_members(self, group: Group, *, after: str, limit: int | None) -> list[Membership]:
        """Members of a group by their ids, from the one after `after` on."""
        found = self._members.query(
            _key(group.organization_id),
            self._members.SK.between(f"MEMBER#{after}~", "MEMBER#~")
            if after
            else self._members.SK.startswith("MEMBER#"),
            filter_condition=self._members.group_ids.contains(group.id),
            consistent_read=True,
            limit=limit,
            page_size=1000,
        )
        return [to_membership(item) for item in found]

    def add_member(self, group: Group, user_id: str, event: NewEvent) -> None:
        """Put a member of the organisation into a group.

        Raises:
            GroupNotFoundError: the group is gone.
            MemberNotFoundError: the user is not a member of the organisation, or in the group.
        """
        transaction = self._audit.transaction(event)
        transaction.check(
            self._groups,
            (_key(group.organization_id), f"GROUP#{group.id}"),
            self._groups.is_closing == False,  # noqa: E712 -- a condition, not a comparison
            GroupNotFoundError(),
        )
        groups = self._members.group_ids
        transaction.update(
            self._member_key(group, user_id),
            [groups.add({group.id})],
            self._members.present() & ~groups.contains(group.id),
            MemberNotFoundError(),
        )
        transaction.commit()

    def remove_member(self, group: Group, user_id: str, event: NewEvent) -> None:
        """Take somebody out of a group.

        Raises:
            MemberNotFoundError: they are not in it.
        """
        groups = self._members.group_ids
        transaction = self._audit.transaction(event)
        transaction.update(
            self._member_key(group, user_id),
            [groups.delete({group.id})],
            groups.contains(group.id),
            MemberNotFoundError(),
        )
        transaction.commit()

    def _member_key(self, group: Group, user_id: str) -> MembershipItem:
        return self._members(_key(group.organization_id), f"MEMBER#{user_id}")

    def _take_name(self, transaction: Transaction, group: Group) -> None:
        guard = self._names(
            PK=_key(group.organization_id), SK=f"GROUPNAME#{group.name}", group_id=group.id
        )
        transaction.put(guard, self._names.absent(), GroupExistsError())

    def _to_item(self, group: Group) -> GroupItem:
        return self._groups(
            PK=_key(group.organization_id),
            SK=f"GROUP#{group.id}",
            group_id=group.id,
            organization_id=group.organization_id,
            name=group.name,
            display_name=group.display_name,
            created_at=group.created_at,
            updated_at=group.updated_at,
            is_closing=group.is_closing,
            version=group.version,
        )


def _key(organization_id: str) -> str:
    return f"ORG#{organization_id}"


def _to_group(item: GroupItem) -> Group:
    return Group(
        id=item.group_id,
        organization_id=item.organization_id,
        name=item.name,
        display_name=item.display_name,
        created_at=item.created_at,
        updated_at=item.updated_at,
        is_closing=item.is_closing,
        version=int(item.version),
    )

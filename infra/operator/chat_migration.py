"""Chats that were stored without an organisation get theirs.

A chat goes to the organisation of its workspace; without one, to the first that its owner joined;
without that, to the default one. It may be stopped at any time and run again, also while people
work: each chat moves in one transaction, and only while it has no organisation yet.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.audit import Action, AuditRepository, ObjectType, diff
from chalicelib.config import Settings
from chalicelib.errors import ConflictError
from chalicelib.identity.models import OPERATOR
from chalicelib.identity.repository import IdentityRepository
from chalicelib.organizations.errors import OrganizationNotFoundError
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.primitives import Clock, utc_now
from chalicelib.storage import Database, Item

PAGE_SIZE = 500
_MOST_SHOWN = 20
_CACHED = 10_000


class ChatMovedError(ConflictError):
    """The chat has got an organisation, or is gone, since it was found."""

    code = "chat_moved"

    def __init__(self) -> None:
        super().__init__("The chat needs no organization any more.")


class StoredChat(Item):
    """As much of a chat as this needs; unlike the product's own, perhaps without organisation."""

    organization_id = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)
    is_deleted = BooleanAttribute(null=True)


@dataclass(frozen=True, slots=True)
class HomelessChat:
    """A chat without an organisation."""

    id: str
    owner_id: str
    workspace_id: str


@dataclass
class Outcome:
    """What has become of the chats.

    Attributes:
        looked_at: how many items of the table were read.
        placed: how many chats found a place, by its organisation and why it is that one.
        moved_meanwhile: how many needed none any more when their turn came.
        left: the ids of those for which there is no place.
    """

    looked_at: int = 0
    placed: Counter[tuple[str, str]] = field(default_factory=Counter)
    moved_meanwhile: int = 0
    left: list[str] = field(default_factory=list)

    def describe(self, *, dry_run: bool) -> str:
        """One line about how far it is."""
        what = "to be moved" if dry_run else "moved"
        return (
            f"{self.looked_at} items looked at, {self.placed.total()} chats {what}, "
            f"{self.moved_meanwhile} moved meanwhile, {len(self.left)} left"
        )


class Places:
    """Where chats belong."""

    def __init__(
        self, database: Database, table: str, organizations: OrganizationRepository
    ) -> None:
        self._database = database
        self._table = table
        self._organizations = organizations
        self._first_of = lru_cache(_CACHED)(self._find_first_of)
        self._is_open = lru_cache(_CACHED)(self._find_open)

    def find(self, chat: HomelessChat) -> tuple[str, str] | None:
        """The id of the organisation where a chat belongs, and why there; None if nowhere."""
        by_workspace = self._workspaces.get(chat.workspace_id) if chat.workspace_id else None
        if by_workspace and self._is_open(by_workspace):
            return by_workspace, "workspace"
        joined = self._first_of(chat.owner_id)
        if joined:
            return joined, "membership"
        return (self._default, "default") if self._default else None

    @cached_property
    def _workspaces(self) -> dict[str, str]:
        """The organisation of every workspace; one scan, and only if a chat is in a workspace."""
        pages = scan(
            self._database,
            self._table,
            FilterExpression="begins_with(SK, :workspace)",
            ExpressionAttributeValues={":workspace": {"S": "WORKSPACE#"}},
            ProjectionExpression="workspace_id, organization_id",
        )
        return {
            item["workspace_id"]["S"]: item["organization_id"]["S"]
            for page in pages
            for item in page["Items"]
        }

    @cached_property
    def _default(self) -> str | None:
        everything = self._organizations.list_all()
        return next((each.id for each in everything if each.is_default), None)

    def _find_first_of(self, user_id: str) -> str | None:
        joined = self._organizations.list_memberships(user_id)
        ids = (each.organization_id for each in joined)
        return next((each for each in ids if self._is_open(each)), None)

    def _find_open(self, organization_id: str) -> bool:
        found = self._organizations.find(organization_id)
        return found is not None and not found.is_closing


class Migration:
    """Moves chats into organisations.

    Args:
        settings: the deployment's.
        database: its tables.
        report: takes the lines about the progress.
        dry_run: whether only to say what would be done.
        clock: the time of the audit events.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        report: Callable[[str], object],
        *,
        dry_run: bool = False,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._table = settings.table_name("chats")
        self._report = report
        self._dry_run = dry_run
        self._audit = AuditRepository(
            database, clock, timedelta(days=settings.audit_retention_days)
        )
        identity = IdentityRepository(database, self._audit)
        self._organizations = OrganizationRepository(database, self._audit, identity)
        self._places = Places(database, settings.table_name("organizations"), self._organizations)
        self._chats = database.bind(StoredChat, "chats")
        self._items = database.bind(Item, "chats")

    def run(self, page_size: int = PAGE_SIZE) -> Outcome:
        """Look at the whole table once.

        Raises:
            StorageUnavailableError: DynamoDB does not answer; what was done stays done.
        """
        outcome = Outcome()
        for page in self._pages(page_size):
            outcome.looked_at += page["ScannedCount"]
            for chat in map(_to_chat, page["Items"]):
                self._settle(chat, outcome)
            self._report(outcome.describe(dry_run=self._dry_run))
        return outcome

    def _pages(self, page_size: int) -> Iterator[dict[str, Any]]:
        return scan(
            self._database,
            self._table,
            FilterExpression="SK = :meta AND attribute_not_exists(organization_id)"
            " AND NOT is_deleted = :yes",  # Nobody sees those that are being deleted.
            ExpressionAttributeValues={":meta": {"S": "meta"}, ":yes": {"BOOL": True}},
            ProjectionExpression="PK, owner_id, workspace_id",
            Limit=page_size,
        )

    def _settle(self, chat: HomelessChat, outcome: Outcome) -> None:
        place = self._places.find(chat)
        if place is None:
            outcome.left.append(chat.id)
            return
        try:
            if not self._dry_run:
                self._move(chat, place[0])
        except ChatMovedError:
            outcome.moved_meanwhile += 1
        except OrganizationNotFoundError:  # Deleted in this very moment; the next run knows.
            outcome.left.append(chat.id)
        else:
            outcome.placed[place] += 1

    def _move(self, chat: HomelessChat, organization_id: str) -> None:
        changes = diff({}, {"organization_id": organization_id})
        event = OPERATOR.did(
            Action.UPDATE, ObjectType.CHAT, chat.id, changes, organization_id=organization_id
        )
        transaction = self._audit.transaction(event)
        self._organizations.require_open(transaction, organization_id)
        # With another version: what was begun on the chat as it was is not written over it.
        transaction.update(
            self._chats(f"CHAT#{chat.id}", "meta"),
            [self._chats.organization_id.set(organization_id), self._chats.version.add(1)],
            self._chats.present()
            & self._chats.organization_id.does_not_exist()
            & ~(self._chats.is_deleted == True),  # noqa: E712 -- a condition, not a comparison
            ChatMovedError(),
        )
        place = self._items(f"ORG#{organization_id}", f"CHAT#{chat.id}")
        # One that is there already says the same.
        transaction.put(place, place.absent() | place.present(), ChatMovedError())
        transaction.commit()


def scan(database: Database, table: str, **wanted: Any) -> Iterator[dict[str, Any]]:
    """The pages of a whole table, as DynamoDB has them.

    Raises:
        StorageUnavailableError: DynamoDB does not answer.
    """
    request = {"TableName": table, "ConsistentRead": True, **wanted}
    while True:
        page = database.connection.dispatch("Scan", request)
        yield page
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _to_chat(item: dict[str, Any]) -> HomelessChat:
    def text(name: str) -> str:
        return str(item.get(name, {}).get("S", ""))

    return HomelessChat(text("PK").removeprefix("CHAT#"), text("owner_id"), text("workspace_id"))


def summarize(outcome: Outcome, *, dry_run: bool) -> list[str]:
    """What has become of the chats, in lines for people."""
    verb = "would go" if dry_run else "went"
    lines = [
        f"{count} {verb} to organization {organization_id} (by {reason})"
        for (organization_id, reason), count in sorted(outcome.placed.items())
    ]
    lines += [f"left: chat {each}" for each in outcome.left[:_MOST_SHOWN]]
    if outcome.left:
        lines.append("What is left has no place: is there a default organization? Run it again.")
    return lines

"""Usage and its limits in the chats table; counters are only ever added to.

SPENT#<user> / <month>           what a user has used in a month, such as 2026-11
SPENT#<user> / <month>#<model>   of which by one model
CHAT#<id>    / USAGE             what a chat has used; goes with the chat
LIMITS       / DEPLOYMENT        the limit of everybody, and those of groups
LIMITS       / USER#<id>         the limit of one user
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.sdk.chats import MessageUsage
from chalicelib.storage import (
    Database,
    Item,
    StorageUnavailableError,
    Transaction,
    VersionedItem,
)
from chalicelib.usage.errors import LimitOverrideNotFoundError, UsageLimitsChangedError
from chalicelib.usage.models import (
    COUNTERS,
    DeploymentLimits,
    GroupLimit,
    Limit,
    ModelMonth,
    Month,
    Months,
    Usage,
)

_LIMITS = "LIMITS"
_DEPLOYMENT = "DEPLOYMENT"
_USER = "USER#"


class CounterItem(Item):
    """Counters of a month, of a model in a month, or of a chat."""

    messages = NumberAttribute(default=0)
    input_tokens = NumberAttribute(default=0)
    output_tokens = NumberAttribute(default=0)
    cache_read_tokens = NumberAttribute(default=0)
    cache_creation_tokens = NumberAttribute(default=0)
    cost_micros = NumberAttribute(default=0)
    owner_id = UnicodeAttribute(null=True)
    organization_id = UnicodeAttribute(null=True)


class DeploymentLimitsItem(VersionedItem):
    """The limits of everybody and of groups: small, for it is read before each message."""

    spend_limit_micros = NumberAttribute(null=True)
    groups: JSONAttribute = JSONAttribute()


class UserLimitItem(VersionedItem):
    """The limit of one user."""

    spend_limit_micros = NumberAttribute(null=True)


class _AnyItem(Item):
    """Whatever is read together, each in its own class."""

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Any:
        if data["PK"]["S"] != _LIMITS:
            return CounterItem.from_raw_data(data)
        is_shared = data["SK"]["S"] == _DEPLOYMENT
        return (DeploymentLimitsItem if is_shared else UserLimitItem).from_raw_data(data)


class UsageRepository:
    """Stores usage and its limits."""

    def __init__(self, database: Database, audit: AuditRepository) -> None:
        self._database = database
        self._audit = audit
        self._any = database.bind(_AnyItem, "chats")
        self._counters = database.bind(CounterItem, "chats")
        self._shared = database.bind(DeploymentLimitsItem, "chats")
        self._personal = database.bind(UserLimitItem, "chats")

    def count(
        self,
        transaction: Transaction,
        *,
        owner_id: str,
        chat_id: str,
        organization_id: str,
        model_config_id: str,
        usage: MessageUsage,
        at: datetime,
    ) -> None:
        """Count a model call in the transaction that commits its message: so it counts once.

        Adds three writes: to the owner's month, to the model's part of it, and to the chat.
        """
        month = Month.of(at)
        counters = self._counters
        added = [
            counters.messages.add(1),
            counters.input_tokens.add(usage.input_tokens),
            counters.output_tokens.add(usage.output_tokens),
            counters.cache_read_tokens.add(usage.cache_read_tokens),
            counters.cache_creation_tokens.add(usage.cache_creation_tokens),
            counters.cost_micros.add(usage.cost_micros),
        ]
        whose = [counters.owner_id.set(owner_id), counters.organization_id.set(organization_id)]
        either = counters.present() | counters.absent()
        for item, actions in (
            (counters(_spent(owner_id), str(month)), added),
            (counters(_spent(owner_id), f"{month}#{model_config_id}"), added),
            (counters(f"CHAT#{chat_id}", "USAGE"), [*added, *whose]),
        ):
            transaction.update(item, list(actions), either, _unavailable())

    def read_standing(
        self, user_id: str, month: Month
    ) -> tuple[Usage, Limit | None, DeploymentLimits]:
        """What a user has used in a month, their own limit, and everybody's; in one read."""
        keys = [
            (_spent(user_id), str(month)),
            (_LIMITS, f"{_USER}{user_id}"),
            (_LIMITS, _DEPLOYMENT),
        ]
        used, own, shared = Usage(), None, DeploymentLimits()
        items: Iterator[Item] = self._any.batch_get(keys, consistent_read=True)
        for item in items:
            if isinstance(item, CounterItem):
                used = _to_usage(item)
            elif isinstance(item, UserLimitItem):
                own = _to_limit(item)
            elif isinstance(item, DeploymentLimitsItem):
                shared = _to_limits(item)
        return used, own, shared

    def list_parts(self, user_id: str, months: Months) -> list[ModelMonth]:
        """What a user has used in some months, by month and model; one read."""
        found = self._counters.query(
            _spent(user_id),
            self._counters.SK.between(str(months.first), f"{months.last}#~"),
            consistent_read=True,
        )
        split = [(item, *item.SK.partition("#")) for item in found]
        return [
            ModelMonth(Month.parse(month), model_id, _to_usage(item))
            for item, month, _, model_id in split
            if model_id
        ]

    def find_totals(self, user_ids: Sequence[str], months: Months) -> dict[str, Usage]:
        """What users have used in some months together; a read for every hundred of their months.

        Those who have used nothing are missing.
        """
        each_month = months.list_all()
        keys = [(_spent(user_id), str(month)) for user_id in user_ids for month in each_month]
        found: dict[str, Usage] = {}
        for item in self._counters.batch_get(keys, consistent_read=True) if keys else ():
            user_id = item.PK.removeprefix(_spent(""))
            found[user_id] = found.get(user_id, Usage()) + _to_usage(item)
        return found

    def get_of_chat(self, chat_id: str) -> Usage:
        """What a chat has used."""
        item = self._counters.find(f"CHAT#{chat_id}", "USAGE")
        return Usage() if item is None else _to_usage(item)

    def remove_all_of(self, user_id: str) -> None:
        """Forget what a user has used, and their limit."""
        found: list[Item] = list(self._counters.query(_spent(user_id), consistent_read=True))
        self._database.remove_all([*found, self._personal(_LIMITS, f"{_USER}{user_id}")])

    def read_limits(self) -> tuple[DeploymentLimits, dict[str, Limit]]:
        """The limits of everybody and of groups, and those of single users by their ids."""
        shared, personal = DeploymentLimits(), {}
        items: Iterable[Item] = self._any.query(_LIMITS, consistent_read=True)
        for item in items:
            if isinstance(item, DeploymentLimitsItem):
                shared = _to_limits(item)
            elif isinstance(item, UserLimitItem):
                personal[item.SK.removeprefix(_USER)] = _to_limit(item)
        return shared, personal

    def get_shared(self) -> DeploymentLimits:
        """The limits of everybody and of groups."""
        item = self._shared.find(_LIMITS, _DEPLOYMENT)
        return DeploymentLimits() if item is None else _to_limits(item)

    def replace_shared(
        self, before: DeploymentLimits, after: DeploymentLimits, event: NewEvent
    ) -> None:
        """Store the limits of everybody and of groups in place of those that were read.

        Raises:
            UsageLimitsChangedError: somebody has written them since.
        """
        item = self._shared(
            PK=_LIMITS,
            SK=_DEPLOYMENT,
            spend_limit_micros=after.spend_limit_micros,
            groups={key: _dump_group(each) for key, each in after.groups.items()},
            version=after.version,
        )
        unchanged = (
            self._shared.at_version(before.version) if before.is_stored else self._shared.absent()
        )
        transaction = self._audit.transaction(event)
        transaction.put(item, unchanged, UsageLimitsChangedError())
        transaction.commit()

    def find_personal(self, user_id: str) -> Limit | None:
        """A user's own limit."""
        item = self._personal.find(_LIMITS, f"{_USER}{user_id}")
        return None if item is None else _to_limit(item)

    def replace_personal(
        self, user_id: str, before: Limit | None, after: Limit, event: NewEvent
    ) -> None:
        """Store a user's own limit in place of the one that was read, if there was one.

        Raises:
            UsageLimitsChangedError: somebody has written or removed it since.
        """
        item = self._personal(
            PK=_LIMITS,
            SK=f"{_USER}{user_id}",
            spend_limit_micros=after.spend_limit_micros,
            version=after.version,
        )
        unchanged = self._personal.at_version(before.version) if before else self._personal.absent()
        transaction = self._audit.transaction(event)
        transaction.put(item, unchanged, UsageLimitsChangedError())
        transaction.commit()

    def remove_personal(self, user_id: str, event: NewEvent) -> None:
        """Remove a user's own limit.

        Raises:
            LimitOverrideNotFoundError: there is none any more.
        """
        transaction = self._audit.transaction(event)
        transaction.delete(
            self._personal(_LIMITS, f"{_USER}{user_id}"),
            self._personal.present(),
            LimitOverrideNotFoundError(),
        )
        transaction.commit()


def _spent(user_id: str) -> str:
    return f"SPENT#{user_id}"


def _unavailable() -> StorageUnavailableError:
    """What a condition that always holds is given for its refusal."""
    return StorageUnavailableError("The database did not count. Nothing was changed; try again.")


def _to_usage(item: CounterItem) -> Usage:
    return Usage(**{name: int(getattr(item, name)) for name in COUNTERS})


def _to_limit(item: UserLimitItem) -> Limit:
    return Limit(spend_limit_micros=_micros(item), version=int(item.version))


def _to_limits(item: DeploymentLimitsItem) -> DeploymentLimits:
    groups = {
        key: GroupLimit(
            group_id=key,
            organization_id=each["organization_id"],
            spend_limit_micros=each["spend_limit_micros"],
        )
        for key, each in item.groups.items()
    }
    return DeploymentLimits(
        spend_limit_micros=_micros(item), groups=groups, version=int(item.version)
    )


def _micros(item: UserLimitItem | DeploymentLimitsItem) -> int | None:
    micros = item.spend_limit_micros
    return None if micros is None else int(micros)


def _dump_group(limit: GroupLimit) -> dict[str, Any]:
    return {
        "organization_id": limit.organization_id,
        "spend_limit_micros": limit.spend_limit_micros,
    }

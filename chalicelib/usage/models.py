"""What model calls have used, and what may be spent."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime

_MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What some model calls have used; no token counts twice.

    Attributes:
        messages: how many the models have said: one for each call.
        cost_micros: in millionths of a dollar, at the prices of the time.
    """

    messages: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    cost_micros: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in COUNTERS})


COUNTERS = tuple(each.name for each in fields(Usage))


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of the calendar, in UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime) -> "Month":
        """The month in which a moment lies."""
        moment = moment.astimezone(UTC)
        return cls(moment.year, moment.month)

    @classmethod
    def parse(cls, text: str) -> "Month":
        """The month of its text."""
        year, number = text.split("-")
        return cls(int(year), int(number))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    @property
    def next(self) -> "Month":
        """The month after it."""
        return Month(self.year + self.number // _MONTHS, self.number % _MONTHS + 1)

    @property
    def end(self) -> datetime:
        """The first moment that is not in it any more."""
        after = self.next
        return datetime(after.year, after.number, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Months:
    """Some months on end, the first and the last included."""

    first: Month
    last: Month

    def __len__(self) -> int:
        first, last = self.first, self.last
        return max((last.year - first.year) * _MONTHS + last.number - first.number + 1, 0)

    def list_all(self) -> list[Month]:
        """Each of them."""
        found = []
        month = self.first
        while month <= self.last:
            found.append(month)
            month = month.next
        return found


@dataclass(frozen=True, slots=True)
class ModelMonth:
    """What somebody's calls of one model have used in one month."""

    month: Month
    model_config_id: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Summary:
    """What somebody has used in some months."""

    user_id: str
    months: Months
    parts: tuple[ModelMonth, ...]

    @property
    def total(self) -> Usage:
        """All of it."""
        return sum((each.usage for each in self.parts), Usage())

    @property
    def by_model(self) -> dict[str, Usage]:
        """By the models' ids, the dearest first."""
        found: dict[str, Usage] = {}
        for each in self.parts:
            found[each.model_config_id] = found.get(each.model_config_id, Usage()) + each.usage
        return dict(sorted(found.items(), key=lambda item: (-item[1].cost_micros, item[0])))

    @property
    def by_month(self) -> dict[Month, Usage]:
        """By the months in which something was used, the earliest first."""
        found: dict[Month, Usage] = {}
        for each in self.parts:
            found[each.month] = found.get(each.month, Usage()) + each.usage
        return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What may be spent in a month; None means any amount.

    Attributes:
        version: counts the writes of what it is stored in.
    """

    spend_limit_micros: int | None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLimit:
    """What each member of a group may spend in a month; None means any amount."""

    group_id: str
    organization_id: str
    spend_limit_micros: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentLimits:
    """What everybody may spend, and what the members of some groups may spend instead.

    Attributes:
        version: counts the writes; 1 before the first.
    """

    spend_limit_micros: int | None = None
    groups: Mapping[str, GroupLimit] = field(default_factory=dict)
    version: int = 1

    @property
    def is_stored(self) -> bool:
        """Whether anything has ever been said."""
        return self.version > 1

    def of_member(self, group_ids: Collection[str]) -> int | None:
        """What a member of these groups may spend: what the most generous of them allows."""
        limits = [each.spend_limit_micros for key, each in self.groups.items() if key in group_ids]
        if not limits:
            return self.spend_limit_micros
        known = [each for each in limits if each is not None]
        return max(known) if len(known) == len(limits) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What somebody has spent this month, what they may, and when the count begins anew."""

    spent_micros: int
    limit_micros: int | None
    resets_at: datetime

    @property
    def remaining_micros(self) -> int | None:
        """What is left to spend; None if there is no limit."""
        return None if self.limit_micros is None else max(self.limit_micros - self.spent_micros, 0)

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing more may be spent."""
        return self.remaining_micros == 0

"""What chats have used and cost, and how much may be spent.

Money is in micro-dollars: millionths of a dollar.
"""

from datetime import datetime

from .base import KnownID, Reply


class ChatUsage(Reply):
    """What some model calls have used; no token counts twice.

    `messages` is how many the models have said, and `cost_micros` goes by the prices of the time.
    """

    messages: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    cost_micros: int = 0


class ChatModelUsage(ChatUsage):
    """What the calls of one model have used."""

    model_config_id: KnownID


class ChatMonthUsage(ChatUsage):
    """What has been used in one month, such as `2026-11`."""

    month: str


class ChatCostSummary(Reply):
    """What somebody has used in some months, the first and the last included."""

    user_id: KnownID
    first_month: str
    last_month: str
    total: ChatUsage
    by_model: list[ChatModelUsage]
    by_month: list[ChatMonthUsage]


class ChatUserCost(ChatUsage):
    """What one of several people has used."""

    user_id: KnownID
    username: str
    name: str


class ChatUserCosts(Reply):
    """A page of people by user name, those who have used nothing among them."""

    first_month: str
    last_month: str
    users: list[ChatUserCost]
    has_more: bool


class ChatUsageLimitOverride(Reply):
    """What one user may spend in a month; without `spend_limit_micros` any amount."""

    user_id: KnownID
    username: str | None = None
    spend_limit_micros: int | None = None


class ChatUsageLimitGroupOverride(Reply):
    """What each member of a group may spend; without `spend_limit_micros` any amount."""

    group_id: KnownID
    organization_id: KnownID
    spend_limit_micros: int | None = None


class ChatUsageLimitConfig(Reply):
    """What may be spent in a month, in UTC: by everybody, unless something else is said for them.

    Without `spend_limit_micros` any amount.
    """

    spend_limit_micros: int | None = None
    overrides: list[ChatUsageLimitOverride]
    group_overrides: list[ChatUsageLimitGroupOverride]


class ChatUsageLimitStatus(Reply):
    """What the caller has spent this month; without `limit_micros` they may spend any amount."""

    spent_micros: int
    limit_micros: int | None = None
    resets_at: datetime

"""Usage and its limits as the API tells them."""

from collections.abc import Mapping
from typing import Any

from chalicelib.identity.users import UserPage
from chalicelib.sdk import chat_usage
from chalicelib.usage.limits import LimitsView
from chalicelib.usage.models import COUNTERS, Months, Standing, Summary, Usage


def to_usage(usage: Usage) -> chat_usage.ChatUsage:
    """What has been used."""
    return chat_usage.ChatUsage(**_counters(usage))


def to_summary(summary: Summary) -> chat_usage.ChatCostSummary:
    """What somebody has used in some months."""
    return chat_usage.ChatCostSummary(
        user_id=summary.user_id,
        first_month=str(summary.months.first),
        last_month=str(summary.months.last),
        total=to_usage(summary.total),
        by_model=[
            chat_usage.ChatModelUsage(model_config_id=model_id, **_counters(usage))
            for model_id, usage in summary.by_model.items()
        ],
        by_month=[
            chat_usage.ChatMonthUsage(month=str(month), **_counters(usage))
            for month, usage in summary.by_month.items()
        ],
    )


def to_costs(
    page: UserPage, totals: Mapping[str, Usage], months: Months
) -> chat_usage.ChatUserCosts:
    """What each of several people has used."""
    return chat_usage.ChatUserCosts(
        first_month=str(months.first),
        last_month=str(months.last),
        users=[
            chat_usage.ChatUserCost(
                user_id=user.id,
                username=user.username,
                name=user.name,
                **_counters(totals.get(user.id, Usage())),
            )
            for user in page.users
        ],
        has_more=page.has_more,
    )


def to_status(standing: Standing) -> chat_usage.ChatUsageLimitStatus:
    """What somebody has spent and may spend."""
    return chat_usage.ChatUsageLimitStatus(
        spent_micros=standing.spent_micros,
        limit_micros=standing.limit_micros,
        resets_at=standing.resets_at,
    )


def to_limits(view: LimitsView) -> chat_usage.ChatUsageLimitConfig:
    """All limits."""
    names = {user.id: user.username for user in view.users.values()}
    return chat_usage.ChatUsageLimitConfig(
        spend_limit_micros=view.shared.spend_limit_micros,
        overrides=[
            chat_usage.ChatUsageLimitOverride(
                user_id=user_id,
                username=names.get(user_id),
                spend_limit_micros=each.spend_limit_micros,
            )
            for user_id, each in sorted(view.personal.items())
        ],
        group_overrides=[
            chat_usage.ChatUsageLimitGroupOverride(
                group_id=group_id,
                organization_id=each.organization_id,
                spend_limit_micros=each.spend_limit_micros,
            )
            for group_id, each in sorted(view.shared.groups.items())
        ],
    )


def _counters(usage: Usage) -> dict[str, Any]:
    return {name: getattr(usage, name) for name in COUNTERS}

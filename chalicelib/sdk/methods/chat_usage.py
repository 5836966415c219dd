"""What chats have used and cost, and how much may be spent."""

from collections.abc import Iterator
from datetime import date

from ..chat_usage import (
    ChatCostSummary,
    ChatUsage,
    ChatUsageLimitConfig,
    ChatUsageLimitGroupOverride,
    ChatUsageLimitOverride,
    ChatUsageLimitStatus,
    ChatUserCost,
    ChatUserCosts,
)
from ..connection import segment
from ..paging import PAGE_SIZE, iterate_pages
from ..requests.chat_usage import UpdateChatUsageLimitRequest
from .base import Methods, if_match

_CHATS = "/api/experimental/chats"
_LIMITS = f"{_CHATS}/usage-limits"


class ChatUsageMethods(Methods):
    """Usage and its limits; what concerns others is for the deployment's owners."""

    def get_my_chat_usage_limit_status(self) -> ChatUsageLimitStatus:
        """What the caller has spent this month, and may spend."""
        return self._connection.get(ChatUsageLimitStatus, f"{_LIMITS}/status")

    def get_chat_cost(self, chat_id: str) -> ChatUsage:
        """What one of the caller's chats has used."""
        return self._connection.get(ChatUsage, f"{_CHATS}/cost/chats/{segment(chat_id)}")

    def get_chat_cost_summary(
        self, user: str = "me", *, start_date: date | None = None, end_date: date | None = None
    ) -> ChatCostSummary:
        """What a user has used, by model and by month; of the dates only the months matter."""
        path = f"{_CHATS}/cost/{segment(user)}/summary"
        return self._connection.get(ChatCostSummary, path, _dates(start_date, end_date))

    def list_chat_cost_users(
        self,
        *,
        start_date: date | None = None,
        end_date: date | None = None,
        username: str | None = None,
        limit: int | None = None,
        after_id: str | None = None,
    ) -> ChatUserCosts:
        """A page of what users have used, by user name."""
        query = {
            **_dates(start_date, end_date),
            "username": username,
            "limit": limit,
            "after_id": after_id,
        }
        return self._connection.get(ChatUserCosts, f"{_CHATS}/cost/users", query)

    def iter_chat_cost_users(
        self,
        *,
        start_date: date | None = None,
        end_date: date | None = None,
        username: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[ChatUserCost]:
        """What all users have used, by user name."""

        def get_page(cursor: str | None) -> tuple[list[ChatUserCost], str | None]:
            page = self.list_chat_cost_users(
                start_date=start_date,
                end_date=end_date,
                username=username,
                limit=page_size,
                after_id=cursor,
            )
            return page.users, page.users[-1].user_id if page.has_more else None

        return iterate_pages(get_page)

    def get_chat_usage_limit_config(self) -> ChatUsageLimitConfig:
        """Every limit."""
        return self._connection.get(ChatUsageLimitConfig, _LIMITS)

    def update_chat_usage_limit_config(
        self, request: UpdateChatUsageLimitRequest, *, etag: str | None = None
    ) -> ChatUsageLimitConfig:
        """Say how much everybody may spend; with `etag` only in place of what was read.

        Raises:
            ConflictError: somebody has changed the limits since.
        """
        return self._connection.change(
            ChatUsageLimitConfig, _LIMITS, request, method="PUT", headers=if_match(etag)
        )

    def upsert_chat_usage_limit_override(
        self, user: str, request: UpdateChatUsageLimitRequest
    ) -> ChatUsageLimitOverride:
        """Say how much one user may spend, whatever holds for others."""
        path = f"{_LIMITS}/overrides/{segment(user)}"
        return self._connection.change(ChatUsageLimitOverride, path, request, method="PUT")

    def delete_chat_usage_limit_override(self, user: str) -> None:
        """Let the limits of others hold for a user as well."""
        self._connection.delete(f"{_LIMITS}/overrides/{segment(user)}")

    def upsert_chat_usage_limit_group_override(
        self, group: str, request: UpdateChatUsageLimitRequest
    ) -> ChatUsageLimitGroupOverride:
        """Say how much each member of a group may spend.

        The group of everyone in an organisation has the organisation's id.
        """
        path = f"{_LIMITS}/group-overrides/{segment(group)}"
        return self._connection.change(ChatUsageLimitGroupOverride, path, request, method="PUT")

    def delete_chat_usage_limit_group_override(self, group: str) -> None:
        """Let everybody's limit hold for a group's members."""
        self._connection.delete(f"{_LIMITS}/group-overrides/{segment(group)}")


def _dates(start: date | None, end: date | None) -> dict[str, str | int | None]:
    return {
        "start_date": start.isoformat() if start else None,
        "end_date": end.isoformat() if end else None,
    }

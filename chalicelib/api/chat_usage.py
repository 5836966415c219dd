"""What chats have used and cost, and how much may be spent."""

from datetime import UTC, datetime

from chalicelib.api.call import Call
from chalicelib.api.contract import Parameter, limit
from chalicelib.api.errors import InvalidQueryError
from chalicelib.api.preconditions import build_etag, parse_if_match
from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Route
from chalicelib.api.usage_wire import to_costs, to_limits, to_status, to_summary, to_usage
from chalicelib.sdk import requests
from chalicelib.sdk.chat_usage import (
    ChatCostSummary,
    ChatUsage,
    ChatUsageLimitConfig,
    ChatUsageLimitGroupOverride,
    ChatUsageLimitOverride,
    ChatUsageLimitStatus,
    ChatUserCosts,
)
from chalicelib.usage.limits import LimitsView
from chalicelib.usage.models import Month, Months


def get_chat_usage_limits(call: Call) -> Reply:
    """How much may be spent in a month: by everybody, by members of groups, by single users.

    For owners. A user's own limit counts before those of groups, of which the most generous counts,
    and these before everybody's. Where nothing is said, any amount may be spent.
    """
    return _limits_reply(call.services.usage_limits.get(call.actor))


def update_chat_usage_limits(call: Call) -> Reply:
    """Say how much everybody may spend; with `If-Match` only in place of what the caller read.

    For owners. Whoever has spent it is refused new messages (409 `usage_limit`) until the month, in
    UTC, is over, and their running turns stop before the next step.
    """
    versions = parse_if_match(call.header("if-match"))
    request = call.body(requests.chat_usage.UpdateChatUsageLimitRequest)
    return _limits_reply(
        call.services.usage_limits.set_shared(call.actor, request.spend_limit_micros, versions)
    )


def put_chat_usage_limit_override(call: Call, user_id: str) -> Reply:
    """Say how much one user may spend, whatever holds for others.

    For owners.
    """
    micros = call.body(requests.chat_usage.UpdateChatUsageLimitRequest).spend_limit_micros
    user = call.services.usage_limits.set_of_user(call.actor, user_id, micros)
    return json_reply(
        ChatUsageLimitOverride(user_id=user.id, username=user.username, spend_limit_micros=micros)
    )


def delete_chat_usage_limit_override(call: Call, user_id: str) -> Reply:
    """Let the limits of others hold for a user as well.

    For owners.
    """
    call.services.usage_limits.remove_of_user(call.actor, user_id)
    return Reply(204)


def put_chat_usage_limit_group_override(call: Call, group_id: str) -> Reply:
    """Say how much each member of a group may spend.

    For owners. The group of everyone in an organisation has the organisation's id.
    """
    micros = call.body(requests.chat_usage.UpdateChatUsageLimitRequest).spend_limit_micros
    found = call.services.usage_limits.set_of_group(call.actor, group_id, micros)
    return json_reply(
        ChatUsageLimitGroupOverride(
            group_id=found.group_id,
            organization_id=found.organization_id,
            spend_limit_micros=found.spend_limit_micros,
        )
    )


def delete_chat_usage_limit_group_override(call: Call, group_id: str) -> Reply:
    """Let everybody's limit hold for a group's members.

    For owners.
    """
    call.services.usage_limits.remove_of_group(call.actor, group_id)
    return Reply(204)


def get_chat_usage_limit_status(call: Call) -> Reply:
    """What the caller has spent this month, and may spend."""
    return json_reply(to_status(call.services.usage.standing_of(call.actor.user_id)))


def get_chat_cost_summary(call: Call, user_id: str) -> Reply:
    """What a user has used, by model and by month; `me` for the caller, anybody's for owners.

    Months are counted as a whole, in UTC: of the dates only the months matter.
    """
    return json_reply(to_summary(call.services.usage.summarize(call.actor, user_id, _months(call))))


def list_chat_cost_users(call: Call) -> Reply:
    """What each user has used, by user name; those who have used nothing among them.

    For owners. What a deleted user has used is forgotten with them.
    """
    months = _months(call)
    page = call.services.users.list_page(
        call.actor,
        limit=call.limit(),
        after_id=call.query("after_id"),
        search=call.query("username") or "",
        status=None,
    )
    ids = [user.id for user in page.users]
    totals = call.services.usage.find_totals(call.actor, ids, months)
    return json_reply(to_costs(page, totals, months))


def get_chat_cost(call: Call, chat_id: str) -> Reply:
    """What one of the caller's chats has used, with what edits took away."""
    chat = call.services.chats.require_own(call.actor, chat_id)
    return json_reply(to_usage(call.services.usage.get_of_chat(chat.id)))


def _limits_reply(view: LimitsView) -> Reply:
    """All limits, with the version that a change of everybody's can insist on."""
    reply = json_reply(to_limits(view))
    reply.headers["ETag"] = build_etag(view.shared.version)
    return reply


def _months(call: Call) -> Months:
    """The months that are asked for; the present one, if none are."""
    present = call.services.usage.current_month()
    last = _month(call, "end_date") or present
    return Months(_month(call, "start_date") or last, last)


def _month(call: Call, name: str) -> Month | None:
    text = call.query(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return Month.of(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        detail = "must be a date or time such as 2026-11-23 or 2026-11-23T12:00:00Z"
        raise InvalidQueryError(name, detail) from None


_CHATS = "/api/experimental/chats"
_LIMITS = f"{_CHATS}/usage-limits"
_DATES = (
    Parameter("start_date", "A date or time in the first month; in the last, if not given."),
    Parameter("end_date", "A date or time in the last month; in the present one, if not given."),
)
ROUTES = (
    Route("GET", _LIMITS, get_chat_usage_limits, reply=ChatUsageLimitConfig, headers=("ETag",)),
    Route(
        "PUT",
        _LIMITS,
        update_chat_usage_limits,
        conditional=True,
        body=lambda: requests.chat_usage.UpdateChatUsageLimitRequest,
        reply=ChatUsageLimitConfig,
        headers=("ETag",),
    ),
    Route(
        "PUT",
        f"{_LIMITS}/overrides/{{user_id}}",
        put_chat_usage_limit_override,
        body=lambda: requests.chat_usage.UpdateChatUsageLimitRequest,
        reply=ChatUsageLimitOverride,
        errors=(409,),
    ),
    Route(
        "DELETE",
        f"{_LIMITS}/overrides/{{user_id}}",
        delete_chat_usage_limit_override,
        status=204,
    ),
    Route(
        "PUT",
        f"{_LIMITS}/group-overrides/{{group_id}}",
        put_chat_usage_limit_group_override,
        body=lambda: requests.chat_usage.UpdateChatUsageLimitRequest,
        reply=ChatUsageLimitGroupOverride,
        errors=(409,),
    ),
    Route(
        "DELETE",
        f"{_LIMITS}/group-overrides/{{group_id}}",
        delete_chat_usage_limit_group_override,
        status=204,
        errors=(409,),
    ),
    Route("GET", f"{_LIMITS}/status", get_chat_usage_limit_status, reply=ChatUsageLimitStatus),
    Route(
        "GET",
        f"{_CHATS}/cost/{{user_id}}/summary",
        get_chat_cost_summary,
        reply=ChatCostSummary,
        query=_DATES,
    ),
    Route(
        "GET",
        f"{_CHATS}/cost/users",
        list_chat_cost_users,
        reply=ChatUserCosts,
        query=(
            *_DATES,
            Parameter("username", "What user names, addresses or names shall contain."),
            limit(100),
            Parameter("after_id", "The last user of the page before.", format="uuid"),
        ),
    ),
    Route("GET", f"{_CHATS}/cost/chats/{{chat_id}}", get_chat_cost, reply=ChatUsage),
)

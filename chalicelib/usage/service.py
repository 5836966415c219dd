"""What users and chats have used, and whether they may spend more."""

from collections.abc import Sequence

from chalicelib.identity.accounts import resolve_user_id
from chalicelib.identity.errors import UserNotFoundError
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock
from chalicelib.usage.errors import InvalidUsageQueryError, UsageLimitError
from chalicelib.usage.models import Month, Months, Standing, Summary, Usage
from chalicelib.usage.repository import UsageRepository

_MOST_MONTHS = 36
_MOST_MONTHS_OF_MANY = 12


class UsageService:
    """Tells usage and refuses what is beyond the limits; lives as long as the container."""

    def __init__(
        self, repository: UsageRepository, organizations: OrganizationService, clock: Clock
    ) -> None:
        self._repository = repository
        self._organizations = organizations
        self._clock = clock

    def require(self, actor: Actor) -> None:
        """Insist that the actor may spend more; implements `chats.ports.Budget`.

        Raises:
            UsageLimitError: they have spent what they may.
        """
        standing = self.standing_of(actor.user_id)
        if standing.is_exhausted:
            raise UsageLimitError(standing)

    def standing_of(self, user_id: str) -> Standing:
        """What a user has spent this month and may spend, for the services above.

        One read; a second one where groups have limits and the user has none of their own.
        """
        month = Month.of(self._clock())
        used, own, shared = self._repository.read_standing(user_id, month)
        if own is not None:
            limit = own.spend_limit_micros
        elif shared.groups:
            memberships = self._organizations.memberships_of(user_id)
            limit = shared.of_member({id_ for each in memberships for id_ in each.all_group_ids})
        else:
            limit = shared.spend_limit_micros
        return Standing(spent_micros=used.cost_micros, limit_micros=limit, resets_at=month.end)

    def is_exhausted(self, owner_id: str) -> bool:
        """Whether a user may spend nothing more, so that a running turn stops between steps."""
        return self.standing_of(owner_id).is_exhausted

    def summarize(self, actor: Actor, user_id: str, months: Months) -> Summary:
        """What a user has used: the actor themselves (also as `me`), or anybody for owners.

        Raises:
            UserNotFoundError: the actor may see only themselves.
            InvalidUsageQueryError: there are no months, or too many.
        """
        wanted = resolve_user_id(actor, user_id)
        if wanted != actor.user_id and not actor.may(Permission.CHAT_USAGE_READ):
            raise UserNotFoundError
        _check(months, _MOST_MONTHS)
        return Summary(wanted, months, tuple(self._repository.list_parts(wanted, months)))

    def find_totals(
        self, actor: Actor, user_ids: Sequence[str], months: Months
    ) -> dict[str, Usage]:
        """What users have used; those who have used nothing are missing.

        Raises:
            NotAllowedError: the actor may not.
            InvalidUsageQueryError: there are no months, or too many.
        """
        actor.require(Permission.CHAT_USAGE_READ)
        _check(months, _MOST_MONTHS_OF_MANY)
        return self._repository.find_totals(user_ids, months)

    def get_of_chat(self, chat_id: str) -> Usage:
        """What a chat has used; whoever asks has made sure that the chat is the actor's."""
        return self._repository.get_of_chat(chat_id)

    def current_month(self) -> Month:
        """The month that is being counted."""
        return Month.of(self._clock())

    def remove_all_of(self, user_id: str) -> bool:
        """Forget what a deleted user has used; implements `identity.ports.Belongings`."""
        self._repository.remove_all_of(user_id)
        return True


def _check(months: Months, most: int) -> None:
    if not months:
        raise InvalidUsageQueryError("end_date", "must not be before start_date")
    if len(months) > most:
        raise InvalidUsageQueryError("start_date", f"must be at most {most} months before end_date")

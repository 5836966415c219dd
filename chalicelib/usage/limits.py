"""How much may be spent: by everybody, by the members of groups, by single users.

A user's own limit counts before those of groups, of which the most generous counts, and these
before everybody's.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from chalicelib.groups.errors import GroupNotFoundError
from chalicelib.groups.service import GroupService
from chalicelib.identity.accounts import resolve_user_id
from chalicelib.identity.models import Actor, User
from chalicelib.identity.permissions import Permission
from chalicelib.identity.service import IdentityService
from chalicelib.primitives import parse_id
from chalicelib.usage.auditing import EVERYBODY, did_to_limit
from chalicelib.usage.errors import (
    LimitOverrideNotFoundError,
    TooManyGroupLimitsError,
    UsageLimitsChangedError,
)
from chalicelib.usage.models import DeploymentLimits, GroupLimit, Limit
from chalicelib.usage.repository import UsageRepository

_MOST_GROUPS = 100  # They are read before each message.


@dataclass(frozen=True, slots=True)
class LimitsView:
    """All limits, and the users who have one of their own, as far as they are still there."""

    shared: DeploymentLimits
    personal: dict[str, Limit]
    users: dict[str, User]


class UsageLimitService:
    """Manages limits; lives as long as the container."""

    def __init__(
        self, repository: UsageRepository, identity: IdentityService, groups: GroupService
    ) -> None:
        self._repository = repository
        self._identity = identity
        self._groups = groups

    def get(self, actor: Actor) -> LimitsView:
        """Every limit.

        Raises:
            NotAllowedError: the actor may not.
        """
        actor.require(Permission.CHAT_USAGE_READ)
        return self._view(*self._repository.read_limits())

    def set_shared(
        self, actor: Actor, micros: int | None, versions: Container[int] | None = None
    ) -> LimitsView:
        """Say how much everybody may spend; None: any amount.

        Args:
            actor: who says it.
            micros: how much.
            versions: those that the actor means to change; None: whichever there is.

        Raises:
            NotAllowedError: the actor may not.
            UsageLimitsChangedError: somebody else changed them meanwhile.
        """
        actor.require(Permission.CHAT_USAGE_WRITE)
        before, personal = self._repository.read_limits()
        if versions is not None and before.version not in versions:
            raise UsageLimitsChangedError
        if before.spend_limit_micros == micros:
            return self._view(before, personal)
        after = replace(before, spend_limit_micros=micros, version=before.version + 1)
        event = did_to_limit(actor, EVERYBODY, before, after)
        self._repository.replace_shared(before, after, event)
        return self._view(after, personal)

    def set_of_user(self, actor: Actor, user_id: str, micros: int | None) -> User:
        """Say how much one user may spend, whatever holds for others; None: any amount.

        Raises:
            NotAllowedError: the actor may not.
            UserNotFoundError: there is none.
            UsageLimitsChangedError: somebody else changed it meanwhile.
        """
        actor.require(Permission.CHAT_USAGE_WRITE)
        user = self._identity.require_user(resolve_user_id(actor, user_id))
        before = self._repository.find_personal(user.id)
        if before is None or before.spend_limit_micros != micros:
            version = before.version + 1 if before else 1
            after = Limit(spend_limit_micros=micros, version=version)
            event = did_to_limit(actor, user.id, before, after)
            self._repository.replace_personal(user.id, before, after, event)
        return user

    def remove_of_user(self, actor: Actor, user_id: str) -> None:
        """Let the limits of others hold for a user as well.

        Raises:
            NotAllowedError: the actor may not.
            UserNotFoundError: the id is none.
            LimitOverrideNotFoundError: they have no limit of their own.
        """
        actor.require(Permission.CHAT_USAGE_WRITE)
        wanted = resolve_user_id(actor, user_id)
        before = self._repository.find_personal(wanted)
        if before is None:
            raise LimitOverrideNotFoundError
        event = did_to_limit(actor, wanted, before, None)
        self._repository.remove_personal(wanted, event)

    def set_of_group(self, actor: Actor, group_id: str, micros: int | None) -> GroupLimit:
        """Say how much each member of a group may spend; None: any amount.

        That of everyone in an organisation has the organisation's id.

        Raises:
            NotAllowedError: the actor may not.
            GroupNotFoundError: there is none.
            TooManyGroupLimitsError: as many groups have a limit as may.
            UsageLimitsChangedError: somebody else changed the limits meanwhile.
        """
        actor.require(Permission.CHAT_USAGE_WRITE)
        group = self._groups.find_anywhere(group_id)
        if group is None:
            raise GroupNotFoundError
        shared = self._repository.get_shared()
        before, known = shared.groups.get(group.id), shared.groups
        if before is None and len(known) >= _MOST_GROUPS:
            known = self._without_gone(known)
            if len(known) >= _MOST_GROUPS:
                raise TooManyGroupLimitsError(_MOST_GROUPS)
        after = GroupLimit(
            group_id=group.id, organization_id=group.organization_id, spend_limit_micros=micros
        )
        if after != before:
            self._replace_groups(actor, shared, group.id, after, known)
        return after

    def remove_of_group(self, actor: Actor, group_id: str) -> None:
        """Let everybody's limit hold for a group's members, also for one that is gone.

        Raises:
            NotAllowedError: the actor may not.
            LimitOverrideNotFoundError: it has no limit of its own.
            UsageLimitsChangedError: somebody else changed the limits meanwhile.
        """
        actor.require(Permission.CHAT_USAGE_WRITE)
        shared = self._repository.get_shared()
        wanted = parse_id(group_id)
        if wanted is None or wanted not in shared.groups:
            raise LimitOverrideNotFoundError
        self._replace_groups(actor, shared, wanted, None, shared.groups)

    def _without_gone(self, limits: Mapping[str, GroupLimit]) -> dict[str, GroupLimit]:
        """Limits but for those of groups that are gone; it costs a read for each."""
        return {key: each for key, each in limits.items() if self._groups.find_anywhere(key)}

    def _replace_groups(
        self,
        actor: Actor,
        shared: DeploymentLimits,
        group_id: str,
        limit: GroupLimit | None,
        known: Mapping[str, GroupLimit],
    ) -> None:
        groups = {key: each for key, each in known.items() if key != group_id}
        if limit is not None:
            groups[group_id] = limit
        after = replace(shared, groups=groups, version=shared.version + 1)
        event = did_to_limit(actor, group_id, shared.groups.get(group_id), limit)
        self._repository.replace_shared(shared, after, event)

    def _view(self, shared: DeploymentLimits, personal: dict[str, Limit]) -> LimitsView:
        return LimitsView(shared, personal, self._identity.find_users(list(personal)))

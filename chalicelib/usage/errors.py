"""What can go wrong with usage and its limits."""

from datetime import UTC
from typing import Any

from chalicelib.errors import ConflictError, InvalidInputError, NotFoundError, Validation
from chalicelib.usage.models import Standing


class UsageLimitError(ConflictError):
    """The user has spent what they may spend this month."""

    code = "usage_limit"

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        resets_at = standing.resets_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        super().__init__(
            f"You have spent what you may spend this month. The count begins anew at {resets_at}; "
            "an owner of the deployment can raise your limit."
        )

    def extra(self) -> dict[str, Any]:
        """How much was spent and may be spent, and until when."""
        return {
            "spent_micros": self.standing.spent_micros,
            "limit_micros": self.standing.limit_micros,
            "resets_at": self.standing.resets_at,
        }


class UsageLimitsChangedError(ConflictError):
    """Somebody else changed the limits between our read and our write."""

    code = "usage_limits_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else changed the limits meanwhile. Read them and try again.")


class LimitOverrideNotFoundError(NotFoundError):
    """There is no limit of its own for the user or group."""

    code = "usage_limit_override_not_found"

    def __init__(self) -> None:
        super().__init__("There is no usage limit of its own for this user or group.")


class TooManyGroupLimitsError(ConflictError):
    """As many groups have limits of their own as may."""

    code = "too_many_group_limits"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} groups may have usage limits of their own. Delete one first.")


class InvalidUsageQueryError(InvalidInputError):
    """The months that are asked for are none, or too many."""

    code = "invalid_usage_query"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("Invalid query.", validations=[Validation(field, detail)])

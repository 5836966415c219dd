"""The one error body."""

from datetime import datetime

from .base import Reply


class FieldError(Reply):
    """One field of the request that is wrong."""

    field: str
    detail: str


class ErrorBody(Reply):
    """What every answer of 400 and above carries."""

    message: str
    code: str
    request_id: str
    detail: str | None = None
    validations: list[FieldError] | None = None
    connect_url: str | None = None
    tool_name: str | None = None
    spent_micros: int | None = None
    limit_micros: int | None = None
    resets_at: datetime | None = None

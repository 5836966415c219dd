"""Requests about spending limits."""

from typing import Annotated

from pydantic import Field

from .base import Request

_MOST_MICROS = 10**15
Micros = Annotated[int, Field(ge=0, le=_MOST_MICROS)]


class UpdateChatUsageLimitRequest(Request):
    """What may be spent in a month; null means any amount."""

    spend_limit_micros: Micros | None

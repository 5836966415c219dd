"""What a deployment says of itself."""

from typing import Literal

from .base import Reply


class Health(Reply):
    """It is up, or ready."""

    status: Literal["ok"]


class BuildInfo(Reply):
    """What is deployed, and where browsers reach it."""

    version: str
    dashboard_url: str

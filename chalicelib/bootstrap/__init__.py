"""The composition root: the only place that constructs things, from the settings.

Each part is made when it is first asked for, and once: what a function never uses, its cold start
does not pay for. The parts stand in four classes, one on top of the other:

    Foundation     tables, encryption, the way out, the audit log
    People         who somebody is, and where they belong
    Registry       MCP servers, connections to them, their tools
    Services       chats and their turns; all that the edge may call
"""

import os
from collections.abc import Callable
from datetime import timedelta
from functools import cache

from chalicelib import logs
from chalicelib.bootstrap.services import Services
from chalicelib.chats.states import LEASE
from chalicelib.config import Settings

__all__ = ["Services", "services_from_environment"]


def services_from_environment(lease: timedelta = LEASE) -> Callable[[], Services]:
    """The services of this process, made once.

    In Lambda they are made at once, so that a wrong setting fails the cold start and names itself;
    elsewhere at the first request, since tools import the app only to read its routes.
    """
    is_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ

    @cache
    def services() -> Services:
        settings = Settings.from_environment(os.environ)
        logs.configure(settings.log_level, settings.stage if is_lambda else None)
        return Services(settings, lease=lease)

    if is_lambda:
        services()
    return services

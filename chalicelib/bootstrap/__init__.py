"""The composition root: the only place that constructs things, from the settings.

Each part is made when it is first asked for, and once: what a function never uses, its cold start
does not pay for. The parts stand in classes, one on top of the other:

    Foundation     tables, encryption, the way out, the audit log
    People         who somebody is, and where they belong
    Registry       MCP servers, connections to them, their tools
    Services       chats and their turns; all that the edge may call
    Operations     what the operator's program does besides; nobody else imports it
"""

import os
from collections.abc import Callable
from datetime import timedelta
from functools import cache

from chalicelib import logs
from chalicelib.bootstrap.services import Services
from chalicelib.config import Settings

__all__ = ["Services", "is_cold_start", "services_from_environment"]

_BEFOREHAND = frozenset({"snap-start", "provisioned-concurrency"})


def services_from_environment(lease: timedelta | None = None) -> Callable[[], Services]:
    """The services of this process, made once.

    In Lambda they are made at once, so that a wrong setting fails the cold start and names itself;
    elsewhere at the first request, since tools import the app only to read its routes.
    """

    @cache
    def services() -> Services:
        settings = Settings.from_environment(os.environ)
        logs.configure(settings.log_level, settings.stage if is_in_lambda() else None)
        return Services(settings, lease=lease)

    if is_in_lambda():
        services()
    return services


def is_in_lambda() -> bool:
    """Whether this process is a Lambda function's."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def is_cold_start() -> bool:
    """Whether somebody waits for this process to start.

    Nobody does where Lambda starts it beforehand: for SnapStart, or for provisioned concurrency
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
    """
    return is_in_lambda() and os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") not in _BEFOREHAND

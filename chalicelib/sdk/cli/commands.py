"""How commands are declared: `--json` on each, errors as one line and an exit code."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from ..exceptions import SDKError
from .problems import Problem, report
from .session import Session

F = TypeVar("F", bound=Callable[..., Any])


def _set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Session).output.as_json = True


def json_option(function: F) -> F:
    """The option that every command has."""
    return click.option(
        "--json",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_set_json,
        help="Print JSON, for programs.",
    )(function)


class JSONCommand(click.Command):
    """A command with `--json`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        json_option(self)


class Group(click.Group):
    """A group of commands that have `--json`."""

    command_class = JSONCommand
    group_class = type


class Root(Group):
    """The program: what its commands raise becomes one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (SDKError, ValidationError, Problem) as exc:
            code = report(exc, as_json=ctx.ensure_object(Session).output.as_json)
        return ctx.exit(code)

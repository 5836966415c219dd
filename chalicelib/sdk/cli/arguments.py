"""Arguments that several commands take, with their completion."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..exceptions import SDKError
from .problems import Problem
from .session import Session

F = TypeVar("F", bound=Callable[..., Any])


def _complete_servers(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The slugs that begin so; none if the deployment cannot be asked."""
    session = context.ensure_object(Session)
    session.url = context.find_root().params.get("url") or ""  # No command runs here.
    try:
        with session.client(hasty=True) as client:
            found = client.experimental.list_mcp_servers()
    except (SDKError, Problem):
        return []
    return [
        CompletionItem(each.slug, help=each.display_name)
        for each in found
        if each.slug.startswith(incomplete)
    ]


def server_argument(function: F) -> F:
    """A server, by slug or id."""
    return click.argument("server", shell_complete=_complete_servers)(function)

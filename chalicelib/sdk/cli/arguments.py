"""Arguments that several commands take, with their completion."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..client import Client
from ..exceptions import SDKError
from .output import clean
from .problems import Problem
from .session import Session

F = TypeVar("F", bound=Callable[..., Any])
_MOST_CHATS = 50


def complete_servers(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The slugs that begin so; none if the deployment cannot be asked."""

    def find(client: Client) -> list[CompletionItem]:
        found = client.experimental.list_mcp_servers()
        return [CompletionItem(each.slug, help=each.display_name) for each in found]

    return _complete(context, incomplete, find)


def complete_chats(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The ids that begin so, with the titles; none if the deployment cannot be asked."""

    def find(client: Client) -> list[CompletionItem]:
        found = client.experimental.list_chats(limit=_MOST_CHATS)
        return [CompletionItem(each.id, help=clean(each.title)) for each in found]

    return _complete(context, incomplete, find)


def _complete(
    context: click.Context, incomplete: str, find: Callable[[Client], list[CompletionItem]]
) -> list[CompletionItem]:
    session = context.ensure_object(Session)
    session.url = context.find_root().params.get("url") or ""  # No command runs here.
    try:
        with session.client(hasty=True) as client:
            found = find(client)
    except (SDKError, Problem):
        return []
    return [each for each in found if each.value.startswith(incomplete)]


def server_argument(function: F) -> F:
    """A server, by slug or id."""
    return click.argument("server", shell_complete=complete_servers)(function)


def chat_argument(function: F) -> F:
    """A chat, by id or title."""
    return click.argument("chat", shell_complete=complete_chats)(function)

"""The user's chats: finding, showing and keeping them."""

from datetime import UTC

import click

from ..chats import Chat
from ..requests.chats import UpdateChatRequest
from .arguments import chat_argument
from .chat_references import get_chat
from .commands import Group
from .output import clean
from .session import Session, pass_session
from .transcript import Transcript


@click.group(cls=Group)
def chats() -> None:
    """Your chats. Each is given by its id or title; `last` is the one that changed last."""


@chats.command("list")
@click.option("--search", default="", metavar="WORDS", help="Words of the title, status:error.")
@click.option("--label", "labels", multiple=True, metavar="KEY:VALUE", help="May be repeated.")
@click.option("--archived", is_flag=True, help="The archived ones instead.")
@pass_session
def list_chats(session: Session, search: str, labels: tuple[str, ...], archived: bool) -> None:
    """List your chats: pinned ones first, then the latest changed."""
    q = f"{search} archived:true" if archived else search
    with session.client() as client:
        found = list(client.experimental.iter_chats(q=q.strip() or None, labels=labels))
    rows = [
        (
            each.title,
            each.status.value,
            each.has_unread,
            bool(each.pin_order),
            f"{each.updated_at.astimezone(UTC):%Y-%m-%d %H:%M}",
            each.id,
        )
        for each in found
    ]
    columns = ("Title", "Status", "Unread", "Pinned", "Changed (UTC)", "Id")
    session.output.table(columns, rows, found)


@chats.command()
@chat_argument
@pass_session
def show(session: Session, chat: str) -> None:
    """Show a chat and all that was said in it."""
    with session.client() as client:
        found = get_chat(client, chat)
        messages = list(client.experimental.iter_chat_messages(found.id))
    if session.output.as_json:
        session.output.json({"chat": found, "messages": messages})
        return
    pairs = {
        "title": found.title,
        "status": found.status.value,
        "error": found.last_error.message if found.last_error else None,
        "labels": [f"{key}:{value}" for key, value in found.labels.items()],
        "archived": found.archived or None,
        "waiting tool calls": [each.tool_name for each in found.pending_tool_calls],
        "id": found.id,
    }
    session.output.fields(pairs, found)
    transcript = Transcript(whole=True)
    for message in messages:
        click.echo()
        transcript.message(message)


@chats.command()
@chat_argument
@pass_session
def archive(session: Session, chat: str) -> None:
    """Put a chat away; it takes no more messages."""
    found = _update(session, chat, UpdateChatRequest(archived=True))
    session.output.done(f"Archived {found.title}.", found)


@chats.command()
@chat_argument
@pass_session
def unarchive(session: Session, chat: str) -> None:
    """Bring an archived chat back."""
    found = _update(session, chat, UpdateChatRequest(archived=False))
    session.output.done(f"Brought back {found.title}.", found)


@chats.command()
@chat_argument
@click.argument("title")
@pass_session
def rename(session: Session, chat: str, title: str) -> None:
    """Give a chat another title."""
    found = _update(session, chat, UpdateChatRequest(title=title))
    session.output.done(f"It is called {found.title} now.", found)


@chats.command()
@chat_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, chat: str, yes: bool) -> None:
    """Remove a chat with everything in it."""
    with session.client() as client:
        found = get_chat(client, chat)
        if not yes:
            click.confirm(f"Remove {clean(found.title)}?", abort=True, err=True)
        client.experimental.delete_chat(found.id)
    session.output.done(f"Removed {found.title}.", {"id": found.id, "removed": True})


def _update(session: Session, reference: str, request: UpdateChatRequest) -> Chat:
    """Change a chat; what has become of it."""
    with session.client() as client:
        found = get_chat(client, reference)
        client.experimental.update_chat(found.id, request)
        return client.experimental.get_chat(found.id)

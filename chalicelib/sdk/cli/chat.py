"""Talking with a model, on the user's tools."""

import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from ..chat_session import ChatSession
from ..chats import Chat, ChatError
from ..client import Client
from ..requests.chats import CreateChatMessageRequest, CreateChatRequest, FilePart, TextPart
from .arguments import complete_chats, complete_servers
from .chat_references import LAST, get_chat, get_model_id, get_own_organization_id
from .chat_turns import Approval, Turns
from .commands import JSONCommand
from .output import note
from .problems import REFUSED, Problem
from .session import Session, get_server_id, pass_session
from .transcript import Transcript
from .workspaces import get_workspace

_LOOKED_BACK = 50


@click.command(cls=JSONCommand)
@click.argument("question", required=False)
@click.option(
    "--server",
    "servers",
    multiple=True,
    shell_complete=complete_servers,
    help="Use this MCP server instead of the defaults; may be repeated.",
)
@click.option("--no-servers", is_flag=True, help="Use only the servers that are forced on.")
@click.option("--model", help="Another model than the default one.")
@click.option("--org", help="The organization of a new chat, if you are in several.")
@click.option("--workspace", help="The workspace of a new chat.")
@click.option(
    "--continue",
    "continued",
    is_flag=False,
    flag_value=LAST,
    metavar="[CHAT]",
    shell_complete=complete_chats,
    help="Go on with a chat of yours; with the last one, if none is named.",
)
@click.option(
    "--approve",
    type=click.Choice([Approval.NONE.value, Approval.ALL.value]),
    help="Decide on tool calls without asking; none if there is nobody to ask.",
)
@pass_session
def chat(session: Session, /, question: str | None, approve: str | None, **options: Any) -> None:
    """Chat with a model; or ask it one QUESTION (- reads it) and get the answer.

    The model's words go to standard output, everything else to standard error. Ctrl-C interrupts
    the model, a second time the program. Exit code 1 if the question got no answer. With --json,
    every event is a line. Put QUESTION before --continue.
    """
    _check(options)
    asks = Approval.ASK if session.is_terminal() else Approval.NONE
    approval = Approval(approve) if approve else asks
    with session.client() as client:
        talk = _Talk(session, client, approval, options)
        if question is None:
            talk.go_on()
        else:
            talk.ask(sys.stdin.read() if question == "-" else question)


def _check(options: dict[str, Any]) -> None:
    if options["servers"] and options["no_servers"]:
        raise click.UsageError("Give --server or --no-servers, not both.")
    if options["continued"] and (options["org"] or options["workspace"]):
        raise click.UsageError("A chat stays where it is: --org and --workspace are for new ones.")


def _edit_lines() -> None:
    """Have the arrow keys work at the prompt, where Python has what that takes."""
    if sys.stdout.isatty():  # It would write to a file, too.
        with suppress(ImportError):
            import_module("readline")


class _Talk:
    """A conversation, whose chat may have to be made with its first message."""

    def __init__(
        self, session: Session, client: Client, approval: Approval, options: dict[str, Any]
    ) -> None:
        self._session = session
        self._client = client
        self._approval = approval
        self._options = options
        self._turns: Turns | None = None
        self._changes = self._read_changes()

    def ask(self, question: str) -> None:
        """One question and its answer.

        Raises:
            Problem: there was no answer.
        """
        continued = self._options["continued"]
        if continued:
            found = get_chat(self._client, continued)
            page = self._client.experimental.list_chat_messages(found.id, limit=_LOOKED_BACK)
            turns = self._begin(found, max((each.id for each in page.messages), default=0))
            for message in page.messages:
                turns.transcript.remember(message)
        error = self._say(question)
        if error:
            raise Problem(f"The turn failed: {error.message}", REFUSED)

    def go_on(self) -> None:
        """Question after question, until there are no more."""
        continued = self._options["continued"]
        if self._session.is_terminal():
            note("Ctrl-C interrupts an answer, Ctrl-D ends the chat.")
            _edit_lines()
        if continued:
            found = get_chat(self._client, continued)
            note(f"{found.title}:")
            self._offer_retry(self._begin(found, self._find_last_exchange(found)).follow())
        while (question := self._prompt()) is not None:
            if question.strip():
                self._offer_retry(self._say(question))
        if self._turns:
            note(f"Go on with it: ciborium chat --continue={self._turns.chat.id}")

    def _prompt(self) -> str | None:
        """What the user says next, or None if that was all."""
        prompt = "\n>" if self._session.is_terminal() else ""
        try:
            return str(
                click.prompt(
                    prompt,
                    prompt_suffix=" " if prompt else "",
                    default="",
                    show_default=False,
                    err=not sys.stdout.isatty(),  # Lines can be edited at standard output only.
                )
            )
        except click.Abort:
            if prompt:
                note("")  # The cursor stands behind the prompt.
            return None

    def _say(self, text: str) -> ChatError | None:
        content: list[TextPart | FilePart] = [TextPart(type="text", text=text)]
        if self._turns is None:
            created = self._client.experimental.create_chat(
                CreateChatRequest(content=content, **self._read_place(), **self._changes)
            )
            self._changes = {}
            return self._begin(created, 0).follow()
        self._turns.chat.send(CreateChatMessageRequest(content=content, **self._changes))
        self._changes = {}  # The chat remembers them.
        return self._turns.follow()

    def _begin(self, chat: Chat, after_id: int) -> Turns:
        session: ChatSession = self._client.experimental.chat(chat.id, after_id=after_id)
        transcript = Transcript(as_json=self._session.output.as_json)
        self._turns = Turns(session, transcript, self._approval)
        return self._turns

    def _offer_retry(self, error: ChatError | None) -> None:
        """Say why there was no answer, and try again as long as the user wants to."""
        while error and self._turns:
            note(f"The turn failed: {error.message}")
            again = error.retryable and self._session.is_terminal()
            if not again or not click.confirm("Try again?", err=True):
                return
            self._turns.chat.retry()
            error = self._turns.follow()

    def _find_last_exchange(self, chat: Chat) -> int:
        """The message before the user's last one, so that its answer is shown again."""
        page = self._client.experimental.list_chat_messages(chat.id, limit=_LOOKED_BACK)
        own = [each.id for each in page.messages if each.role.value == "user"]
        oldest = min((each.id for each in page.messages), default=1)
        return (own[0] if own else oldest) - 1

    def _read_changes(self) -> dict[str, Any]:
        """The model and the servers that the options name."""
        changes: dict[str, Any] = {}
        servers: tuple[str, ...] = self._options["servers"]
        if servers or self._options["no_servers"]:
            changes["mcp_server_ids"] = [get_server_id(self._client, each) for each in servers]
        if self._options["model"]:
            changes["model_config_id"] = get_model_id(self._client, self._options["model"])
        return changes

    def _read_place(self) -> dict[str, Any]:
        """The organisation and the workspace of a new chat."""
        organization_id = get_own_organization_id(self._client, self._options["org"])
        place = {"organization_id": organization_id}
        if self._options["workspace"]:
            workspace = get_workspace(self._client, organization_id, self._options["workspace"])
            place["workspace_id"] = workspace.id
        return place

"""Talking in a chat: sending, editing, waiting in line, interrupting, deciding, settings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.audit import Action, NewEvent, ObjectType, diff
from chalicelib.audit.models import Diff
from chalicelib.chats import states
from chalicelib.chats.auditing import describe_chat, describe_decisions
from chalicelib.chats.choices import Choices
from chalicelib.chats.errors import (
    ChatArchivedError,
    ChatStateError,
    InvalidChangeError,
    MessageNotFoundError,
    NotAUserMessageError,
    QueueFullError,
)
from chalicelib.chats.models import MOST_QUEUED, Chat, Message, Queued, Visibility
from chalicelib.chats.repository import ChatRepository, ChatWrite
from chalicelib.chats.service import ChatService
from chalicelib.chats.transition import Transition
from chalicelib.identity.models import Actor
from chalicelib.organizations.service import OrganizationService
from chalicelib.sdk.chats import BusyBehavior, ChatStatus, MessageRole

if TYPE_CHECKING:
    from chalicelib.sdk.requests.chats import (
        CreateChatMessageRequest,
        DecideToolCallsRequest,
        EditChatMessageRequest,
        UpdateChatRequest,
    )

_INTERRUPTED = "The call was not made: the user interrupted."


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message: it is one of the chat's, or it waits."""

    message: Message | None = None
    queued: Queued | None = None


class ConversationService:
    """What owners do in their chats; lives as long as the container."""

    def __init__(
        self,
        chats: ChatService,
        repository: ChatRepository,
        organizations: OrganizationService,
        choices: Choices,
    ) -> None:
        self._chats = chats
        self._repository = repository
        self._organizations = organizations
        self._choices = choices

    def send(self, actor: Actor, chat_id: str, request: "CreateChatMessageRequest") -> Sent:
        """Say something in a chat: a turn begins, or the message waits for the present one.

        Raises:
            ChatNotFoundError: there is no such chat, or it is somebody else's.
            ChatArchivedError, QueueFullError: it takes no message.
            InvalidContentError, InvalidModelError, InvalidSelectionError: as `ChatStarter.start`.
            UsageLimitError: the actor has spent what they may.
        """
        self._choices.budget.require(actor)
        sent = Sent()

        def make(making: Transition) -> ChatWrite:
            nonlocal sent
            sent = self._send(actor, making, request)
            return making.to_write(request=actor.request, requires_member=True)

        self._chats.change(actor, chat_id, make)
        return sent

    def edit(
        self, actor: Actor, chat_id: str, message_id: int, request: "EditChatMessageRequest"
    ) -> Message:
        """Say something else instead: what came after it goes, also what waits or runs.

        Raises:
            ChatNotFoundError, MessageNotFoundError: there is no such chat or message.
            NotAUserMessageError: the actor did not say it.
            ChatArchivedError: the chat takes no message.
            as `send`, for the rest.
        """
        self._choices.budget.require(actor)
        said: list[Message] = []

        def make(making: Transition) -> ChatWrite:
            chat = making.chat
            _require_open(chat)
            before = self._repository.find_message(chat.id, message_id)
            if before is None or chat.hides(message_id) or before.visibility is Visibility.MODEL:
                raise MessageNotFoundError
            if before.role is not MessageRole.USER:
                raise NotAUserMessageError
            parts = self._choices.content.resolve(actor, chat.organization_id, request.content)
            model_id = self._choose_model(request.model_config_id)
            self._select(actor, making, request.mcp_server_ids)
            making.unqueue(making.chat.queue)
            # Nothing that the open calls belong to is left.
            making.apply(lambda each, _: replace(states.hide_from(each, message_id), open_calls=()))
            making.begin_with(actor.user_id, parts, model_id)
            said[:] = making.messages
            return making.to_write(requires_member=True)

        self._chats.change(actor, chat_id, make)
        return said[-1]

    def interrupt(self, actor: Actor, chat_id: str) -> Chat:
        """End the present turn; what the model has said so far stays.

        Raises:
            ChatNotFoundError: there is no such chat, or it is somebody else's.
            ChatStateError: no turn is under way.
        """

        def make(making: Transition) -> ChatWrite:
            self._interrupt(making)
            making.take_next(lambda id_: self._repository.find_queued(making.chat.id, id_))
            return making.to_write()

        return self._chats.change(actor, chat_id, make)

    def retry(self, actor: Actor, chat_id: str) -> Chat:
        """Try the step again that a turn failed at.

        Raises:
            ChatNotFoundError: there is no such chat, or it is somebody else's.
            ChatStateError: the last turn did not fail.
            UsageLimitError: the actor has spent what they may.
        """
        self._choices.budget.require(actor)

        def make(making: Transition) -> ChatWrite:
            _require_open(making.chat)
            making.apply(states.retry)
            return making.to_write(requires_member=True)

        return self._chats.change(actor, chat_id, make)

    def decide(self, actor: Actor, chat_id: str, request: "DecideToolCallsRequest") -> Chat:
        """Approve or deny tool calls that wait for the owner.

        Raises:
            ChatNotFoundError: there is no such chat, or it is somebody else's.
            ChatStateError: no call waits, or not one that is named.
        """
        decisions = {each.tool_call_id: each.approved for each in request.decisions}

        def make(making: Transition) -> ChatWrite:
            before = making.chat
            making.apply(lambda chat, now: states.decide(chat, decisions, now))
            said = diff(describe_decisions(before), describe_decisions(making.chat))
            event = _event(actor, before, said)
            return making.to_write(event=event, requires_member=True)

        return self._chats.change(actor, chat_id, make)

    def delete_queued(self, actor: Actor, chat_id: str, queued_id: int) -> None:
        """Take back a message that waits.

        Raises:
            ChatNotFoundError, MessageNotFoundError: there is no such chat, or message in line.
        """

        def make(making: Transition) -> ChatWrite:
            _require_queued(making.chat, queued_id)
            making.unqueue([queued_id])
            return making.to_write()

        self._chats.change(actor, chat_id, make)

    def promote_queued(self, actor: Actor, chat_id: str, queued_id: int) -> Chat:
        """Have a message that waits go on at once: it interrupts the present turn.

        Raises:
            ChatNotFoundError, MessageNotFoundError: there is no such chat, or message in line.
        """

        def make(making: Transition) -> ChatWrite:
            chat = making.chat
            _require_open(chat)
            _require_queued(chat, queued_id)
            others = tuple(each for each in chat.queue if each != queued_id)
            making.chat = replace(chat, queue=(queued_id, *others))
            if chat.is_active:
                self._interrupt(making)
            else:
                making.close_calls(_INTERRUPTED)
                making.apply(states.finish)
            making.take_next(lambda id_: self._repository.find_queued(chat.id, id_))
            return making.to_write(requires_member=True)

        return self._chats.change(actor, chat_id, make)

    def update(self, actor: Actor, chat_id: str, request: "UpdateChatRequest") -> Chat:
        """Change a chat's title, labels, pin, archive, servers, or whether it counts as read.

        Raises:
            ChatNotFoundError: there is no such chat, or it is somebody else's.
            InvalidChangeError: it is archived, or brought back, already; or pinned and archived.
            ChatStateError: it is busy and cannot be archived.
            InvalidSelectionError: as `send`.
        """

        def make(making: Transition) -> ChatWrite | None:
            before = making.chat
            self._select(actor, making, request.mcp_server_ids)
            making.chat = _changed(making.chat, request)
            if making.chat == before:
                return None
            changes = diff(describe_chat(before), describe_chat(making.chat))
            return making.to_write(event=_event(actor, before, changes))

        return self._chats.change(actor, chat_id, make)

    def _send(self, actor: Actor, making: Transition, request: "CreateChatMessageRequest") -> Sent:
        chat = making.chat
        _require_open(chat)
        parts = self._choices.content.resolve(actor, chat.organization_id, request.content)
        model_id = self._choose_model(request.model_config_id)
        self._select(actor, making, request.mcp_server_ids)
        if not chat.is_active:
            making.begin_with(actor.user_id, parts, model_id)
            return Sent(message=making.messages[-1])
        at_once = request.busy_behavior is BusyBehavior.INTERRUPT
        if at_once and chat.status not in {ChatStatus.RUNNING, ChatStatus.INTERRUPTING}:
            making.begin_with(actor.user_id, parts, model_id)
            return Sent(message=making.messages[-1])
        if len(chat.queue) >= MOST_QUEUED:
            raise QueueFullError(MOST_QUEUED)
        queued = making.enqueue(actor.user_id, parts, model_id, first=at_once)
        if at_once:
            making.apply(states.interrupt)
        return Sent(queued=queued)

    def _interrupt(self, making: Transition) -> None:
        if making.chat.status in {ChatStatus.PENDING, ChatStatus.REQUIRES_ACTION}:
            making.close_calls(_INTERRUPTED)
        making.apply(states.interrupt)

    def _select(self, actor: Actor, making: Transition, requested: Sequence[str] | None) -> None:
        """Give the chat the servers that are asked for; those that are forced come at each step."""
        if requested is None:
            return
        chat = making.chat
        membership = self._organizations.require_member(actor, chat.organization_id)
        chosen = self._choices.servers.for_message(
            actor, membership, chat.mcp_server_ids, requested
        )
        making.chat = replace(chat, mcp_server_ids=tuple(chosen))

    def _choose_model(self, requested_id: str | None) -> str | None:
        return None if requested_id is None else self._choices.models.choose(requested_id).id


def _require_open(chat: Chat) -> None:
    if chat.archived:
        raise ChatArchivedError


def _require_queued(chat: Chat, queued_id: int) -> None:
    if queued_id not in chat.queue:
        raise MessageNotFoundError


def _changed(chat: Chat, request: "UpdateChatRequest") -> Chat:
    archived = chat.archived if request.archived is None else request.archived
    if request.archived is not None and archived == chat.archived:
        raise InvalidChangeError("archived", f"is {str(archived).lower()} already")
    if archived and chat.is_active:
        raise ChatStateError("A busy chat cannot be archived: interrupt it first.", chat.status)
    if archived and request.pin_order:
        raise InvalidChangeError("pin_order", "an archived chat cannot be pinned")
    pin = chat.pin_order if request.pin_order is None else request.pin_order
    read = chat.last_read_message_id
    if request.has_unread is not None:
        last = chat.last_assistant_message_id
        read = max(last - 1, 0) if request.has_unread else last
    return replace(
        chat,
        title=chat.title if request.title is None else request.title,
        archived=archived,
        pin_order=0 if archived else pin,
        labels=chat.labels if request.labels is None else request.labels,
        last_read_message_id=read,
    )


def _event(actor: Actor, chat: Chat, changes: Diff) -> NewEvent:
    return actor.did(
        Action.UPDATE,
        ObjectType.CHAT,
        chat.id,
        changes,
        organization_id=chat.organization_id,
    )

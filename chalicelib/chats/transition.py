"""Putting one transition of a chat together: its new state, and the messages that come with it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.audit import NO_REQUEST, NewEvent, RequestContext
from chalicelib.chats import states
from chalicelib.chats.models import Chat, Message, Queued, Visibility
from chalicelib.chats.repository import ChatWrite, Extend
from chalicelib.sdk.chats import (
    ChatStatus,
    MessagePart,
    MessageRole,
    MessageUsage,
    ToolResult,
)


class Transition:
    """One transition in the making; nothing is written until somebody writes `to_write`."""

    def __init__(self, chat: Chat, now: datetime) -> None:
        self._before = chat
        self.chat = chat
        self.now = now
        self.messages: list[Message] = []
        self._unqueued: list[int] = []
        self._queued: Queued | None = None

    def say(
        self,
        role: MessageRole,
        parts: Sequence[MessagePart],
        *,
        created_by: str | None = None,
        model_config_id: str | None = None,
        usage: MessageUsage | None = None,
        visibility: Visibility = Visibility.BOTH,
    ) -> Message:
        """Add a message to the chat, with the next id."""
        message = Message(
            id=self.chat.last_message_id + 1,
            chat_id=self.chat.id,
            created_at=self.now,
            created_by=created_by,
            role=role,
            parts=tuple(parts),
            model_config_id=model_config_id,
            usage=usage,
            visibility=visibility,
        )
        is_answer = role is MessageRole.ASSISTANT
        self.messages.append(message)
        self.chat = replace(
            self.chat,
            last_message_id=message.id,
            last_assistant_message_id=message.id
            if is_answer
            else self.chat.last_assistant_message_id,
        )
        return message

    def apply(self, change: Callable[[Chat, datetime], Chat]) -> None:
        """Bring the chat to another state."""
        self.chat = change(self.chat, self.now)

    def close_calls(self, reason: str) -> None:
        """Answer every open tool call with a reason why it was not made: none stays without."""
        if not self.chat.open_calls:
            return
        results = [
            ToolResult(
                tool_call_id=call.id,
                tool_name=call.tool_name,
                mcp_server_config_id=call.server_id,
                result=reason,
                is_error=True,
            )
            for call in self.chat.open_calls
        ]
        self.say(MessageRole.TOOL, results)
        self.chat = replace(self.chat, open_calls=())

    def begin_with(self, user_id: str, parts: Sequence[MessagePart], model_id: str | None) -> None:
        """Begin a turn that answers a message of the owner's."""
        self.close_calls("The call was not made: the user went on to something else.")
        self.apply(states.begin)
        if model_id is not None:
            self.chat = replace(self.chat, model_config_id=model_id)
        self.say(MessageRole.USER, parts, created_by=user_id, model_config_id=model_id)

    def enqueue(
        self, user_id: str, parts: Sequence[MessagePart], model_id: str | None, *, first: bool
    ) -> Queued:
        """Let a message wait for its turn."""
        queued = Queued(
            id=self.chat.last_queued_id + 1,
            chat_id=self.chat.id,
            created_at=self.now,
            created_by=user_id,
            parts=tuple(parts),
            model_config_id=model_id,
        )
        waiting = self.chat.queue
        queue = (queued.id, *waiting) if first else (*waiting, queued.id)
        self.chat = replace(self.chat, queue=queue, last_queued_id=queued.id)
        self._queued = queued
        return queued

    def unqueue(self, queued_ids: Sequence[int]) -> None:
        """Let messages wait no more."""
        self._unqueued.extend(queued_ids)
        kept = tuple(each for each in self.chat.queue if each not in queued_ids)
        self.chat = replace(self.chat, queue=kept)

    def take_next(self, find: Callable[[int], Queued | None]) -> None:
        """If the turn is over and messages wait, begin the next one's."""
        while self.chat.status is ChatStatus.WAITING and self.chat.queue:
            queued = find(self.chat.queue[0])
            if queued is None:  # Written with the chat, so it is there; or somebody was quicker.
                self.chat = replace(self.chat, queue=self.chat.queue[1:])
                continue
            self.unqueue([queued.id])
            self.begin_with(queued.created_by, queued.parts, queued.model_config_id)

    def to_write(
        self,
        *,
        event: NewEvent | None = None,
        request: RequestContext = NO_REQUEST,
        requires_member: bool = False,
        extend: Sequence[Extend] = (),
    ) -> ChatWrite:
        """What is to be written."""
        return ChatWrite(
            before=self._before,
            after=self.chat,
            messages=self.messages,
            queued=self._queued,
            unqueued=self._unqueued,
            event=event,
            request=request,
            requires_member=requires_member,
            extend=extend,
        )

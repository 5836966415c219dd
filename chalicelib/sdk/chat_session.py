"""`ChatSession`: one chat, to talk in and to follow."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from .chats import Chat, ChatStatus, CreateChatMessageReply, StreamEvent
from .exceptions import SDKError
from .following import EventSource, Follower
from .requests.chats import CreateChatMessageRequest, DecideToolCallsRequest, TextPart, ToolDecision

_WAIT_SECONDS = 20  # The longest that the API puts off an answer.
_PAUSE_SECONDS = 0.2  # After an answer without news, should a deployment give it at once.
_MOST_SILENCES = 200  # More than an hour, which is how long decisions are waited for.
_REST = frozenset({ChatStatus.WAITING, ChatStatus.ERROR})


class ChatMethods(EventSource, Protocol):
    """What a session needs of the clients' methods."""

    def create_chat_message(
        self, chat_id: str, request: CreateChatMessageRequest
    ) -> CreateChatMessageReply:
        """Say something."""

    def interrupt_chat(self, chat_id: str) -> Chat:
        """End the present turn."""

    def retry_chat(self, chat_id: str) -> Chat:
        """Try the step again that failed."""

    def decide_tool_calls(self, chat_id: str, request: DecideToolCallsRequest) -> Chat:
        """Approve or deny tool calls."""


class ChatSession:
    """One chat, and how far it has been followed. Got from `client.experimental.chat`.

        chat = client.experimental.chat(chat_id)
        chat.send("What is new?")
        for event in chat.stream():
            ...

    Attributes:
        id: the chat's.
    """

    def __init__(
        self,
        methods: ChatMethods,
        pause: Callable[[float], object],
        chat_id: str,
        *,
        after_id: int = 0,
    ) -> None:
        self.id = chat_id
        self._methods = methods
        self._pause = pause
        self._follower = Follower(methods, chat_id, after_id)
        self._unseen: deque[StreamEvent] = deque()

    def __repr__(self) -> str:
        return f"ChatSession({self.id!r})"

    def send(self, message: str | CreateChatMessageRequest) -> CreateChatMessageReply:
        """Say something: a turn begins, or the message waits for the present one."""
        if isinstance(message, str):
            message = CreateChatMessageRequest(content=[TextPart(type="text", text=message)])
        return self._methods.create_chat_message(self.id, message)

    def interrupt(self) -> Chat:
        """End the present turn; what the model has said so far stays."""
        return self._methods.interrupt_chat(self.id)

    def retry(self) -> Chat:
        """Try the step again that the last turn failed at."""
        return self._methods.retry_chat(self.id)

    def decide(self, decisions: Mapping[str, bool]) -> Chat:
        """Approve or deny tool calls, given by their ids."""
        request = DecideToolCallsRequest(
            decisions=[
                ToolDecision(tool_call_id=id_, approved=approved)
                for id_, approved in decisions.items()
            ]
        )
        return self._methods.decide_tool_calls(self.id, request)

    def stream(self, *, stop_for_approvals: bool = True) -> Iterator[StreamEvent]:
        """What happens in the chat, as it happens, until it is at rest.

        It is at rest when it waits for a message, when its turn failed, and while tool calls wait
        for the owner's decision, unless `stop_for_approvals` is false. Called again, it goes on
        where it ended or was left or failed: no event is lost, and none comes twice.

        Raises:
            UnreachableError, RateLimitedError, UnavailableError: the deployment has not answered
                for about a minute.
            SDKError: nothing at all has happened for more than an hour.
            APIError: the chat cannot be followed any more.
        """
        rest = _REST | {ChatStatus.REQUIRES_ACTION} if stop_for_approvals else _REST
        try:
            yield from self._stream(rest)
        finally:
            self._follower.close()

    def _stream(self, rest: frozenset[ChatStatus]) -> Iterator[StreamEvent]:
        yield from self._give_out()
        silences = 0
        while silences < _MOST_SILENCES:
            # At rest there is news only if somebody has just seen to it.
            wait = 0 if self._follower.status in rest else _WAIT_SECONDS
            events = self._follower.next_events(wait)
            self._unseen.extend(events)
            yield from self._give_out()
            if self._follower.is_current and self._follower.status in rest:
                return
            silences = 0 if events else silences + 1
            if not events:
                self._pause(_PAUSE_SECONDS)
        raise SDKError("Nothing has happened in the chat for very long. Follow it again.")

    def _give_out(self) -> Iterator[StreamEvent]:
        while self._unseen:
            yield self._unseen.popleft()

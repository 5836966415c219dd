"""Chats and their messages."""

from collections.abc import Iterator, Sequence
from functools import partial

from ..chat_session import ChatSession
from ..chats import (
    Chat,
    ChatMessage,
    ChatMessages,
    ChatsByWorkspace,
    CreateChatMessageReply,
    StreamEvent,
    StreamEvents,
    StreamTicket,
)
from ..connection import segment
from ..paging import PAGE_SIZE, iterate_pages, next_after_id
from ..requests.chats import (
    CreateChatMessageRequest,
    CreateChatRequest,
    DecideToolCallsRequest,
    EditChatMessageRequest,
    UpdateChatRequest,
)
from ..sockets import OpenSocket
from .base import Methods

_CHATS = "/api/experimental/chats"


class ChatMethods(Methods):
    """The caller's chats; nobody has another's."""

    def create_chat(self, request: CreateChatRequest) -> Chat:
        """Start a chat with its first message."""
        return self._connection.create(Chat, _CHATS, request)

    def list_chats(
        self,
        *,
        q: str | None = None,
        labels: Sequence[str] = (),
        limit: int | None = None,
        after_id: str | None = None,
    ) -> list[Chat]:
        """A page of the caller's chats: pinned ones first, then the latest changed.

        Args:
            q: words of the title, and `archived:true`, `status:error`, `has_unread:true`.
            labels: such as `team:red`; all must fit.
            limit: how many at most.
            after_id: the last chat of the page before.
        """
        query = {"q": q, "label": list(labels), "limit": limit, "after_id": after_id}
        return self._connection.get_list(Chat, _CHATS, query)

    def iter_chats(
        self, *, q: str | None = None, labels: Sequence[str] = (), page_size: int = PAGE_SIZE
    ) -> Iterator[Chat]:
        """All of the caller's chats, in the order and with the search of `list_chats`."""

        def get_page(cursor: str | None) -> tuple[list[Chat], str | None]:
            chats = self.list_chats(q=q, labels=labels, limit=page_size, after_id=cursor)
            return chats, next_after_id(chats, page_size, lambda chat: chat.id)

        return iterate_pages(get_page)

    def get_chats_by_workspace(self, workspace_ids: Sequence[str]) -> dict[str, Chat]:
        """The latest changed chat in each of some workspaces, where there is one."""
        query = {"workspace_ids": ",".join(workspace_ids)}
        return self._connection.get(ChatsByWorkspace, f"{_CHATS}/by-workspace", query)

    def get_chat(self, chat_id: str) -> Chat:
        """One of the caller's chats."""
        return self._connection.get(Chat, _chat(chat_id))

    def update_chat(self, chat_id: str, request: UpdateChatRequest) -> None:
        """Change what the request sets: title, labels, pin, archive, servers, unread.

        Raises:
            ConflictError: it is busy and cannot be archived.
        """
        self._connection.send("PATCH", _chat(chat_id), body=request)

    def delete_chat(self, chat_id: str) -> None:
        """Remove a chat with everything in it."""
        self._connection.delete(_chat(chat_id))

    def list_chat_messages(
        self,
        chat_id: str,
        *,
        limit: int | None = None,
        before_id: int | None = None,
        after_id: int | None = None,
        wait: int | None = None,
    ) -> ChatMessages:
        """A page of a chat's messages: newest first, oldest first with only `after_id`.

        With `wait`, an answer without messages is put off for so many seconds.
        """
        query = {"limit": limit, "before_id": before_id, "after_id": after_id, "wait": wait}
        return self._connection.get(ChatMessages, f"{_chat(chat_id)}/messages", query)

    def iter_chat_messages(
        self, chat_id: str, *, after_id: int = 0, page_size: int = PAGE_SIZE
    ) -> Iterator[ChatMessage]:
        """The messages of a chat after one of them, oldest first."""
        return iterate_pages(partial(self._page_of_messages, chat_id, after_id, page_size))

    def create_chat_message(
        self, chat_id: str, request: CreateChatMessageRequest
    ) -> CreateChatMessageReply:
        """Say something in a chat: a turn begins, or the message waits for the present one.

        Raises:
            RateLimitedError: as many messages wait as may.
        """
        path = f"{_chat(chat_id)}/messages"
        return self._connection.create(CreateChatMessageReply, path, request)

    def edit_chat_message(
        self, chat_id: str, message_id: int, request: EditChatMessageRequest
    ) -> ChatMessage:
        """Say something else instead of a message of yours; all that came after it goes."""
        path = f"{_chat(chat_id)}/messages/{segment(str(message_id))}"
        return self._connection.change(ChatMessage, path, request)

    def interrupt_chat(self, chat_id: str) -> Chat:
        """End the present turn; what the model has said so far stays.

        Raises:
            ConflictError: no turn is under way.
        """
        return self._connection.post(Chat, f"{_chat(chat_id)}/interrupt")

    def regenerate_chat_title(self, chat_id: str) -> Chat:
        """Have the chat's model find a title for it."""
        return self._connection.post(Chat, f"{_chat(chat_id)}/title/regenerate")

    def retry_chat(self, chat_id: str) -> Chat:
        """Try the step again that the last turn failed at.

        Raises:
            ConflictError: it did not fail.
        """
        return self._connection.post(Chat, f"{_chat(chat_id)}/retry")

    def decide_tool_calls(self, chat_id: str, request: DecideToolCallsRequest) -> Chat:
        """Approve or deny tool calls that wait for the caller.

        Raises:
            ConflictError: one of them waits no more.
        """
        return self._connection.post(Chat, f"{_chat(chat_id)}/tool-approvals", request)

    def delete_queued_chat_message(self, chat_id: str, queued_id: int) -> None:
        """Take back a message that waits."""
        self._connection.delete(_queued(chat_id, queued_id))

    def promote_queued_chat_message(self, chat_id: str, queued_id: int) -> Chat:
        """Have a message that waits go on at once; it interrupts the present turn."""
        return self._connection.post(Chat, f"{_queued(chat_id, queued_id)}/promote")

    def get_chat_events(
        self, chat_id: str, *, cursor: str | None = None, after_id: int | None = None, wait: int = 0
    ) -> StreamEvents:
        """What has happened in a chat since a cursor, or after a message; see `stream_chat`.

        Asked patiently: it is asked again for longer than other requests are.
        """
        query = {"cursor": cursor, "after_id": after_id}
        return self._connection.poll(StreamEvents, f"{_chat(chat_id)}/events", query, wait)

    def create_chat_stream_ticket(self, chat_id: str) -> StreamTicket:
        """A ticket with which a browser follows a chat through one WebSocket, within a minute.

        Raises:
            NotFoundError: there is no such chat, or no WebSocket API.
        """
        return self._connection.post(StreamTicket, f"{_chat(chat_id)}/stream-tickets")

    def find_socket_opener(self) -> OpenSocket | None:
        """What opens sockets that follow chats, for `ChatSession`; None if chats are polled."""
        return self._connection.find_socket_opener("/api/v2/buildinfo")

    def chat(self, chat_id: str, *, after_id: int = 0) -> ChatSession:
        """A chat to talk in and to follow, from after one of its messages on. Asks nothing yet."""
        return ChatSession(self, self._connection.pause, chat_id, after_id=after_id)

    def stream_chat(
        self, chat_id: str, *, after_id: int = 0, stop_for_approvals: bool = True
    ) -> Iterator[StreamEvent]:
        """What happens in a chat, as it happens, until it is at rest; see `ChatSession.stream`."""
        session = self.chat(chat_id, after_id=after_id)
        return session.stream(stop_for_approvals=stop_for_approvals)

    def _page_of_messages(
        self, chat_id: str, after_id: int, page_size: int, cursor: str | None
    ) -> tuple[list[ChatMessage], str | None]:
        after = after_id if cursor is None else int(cursor)
        page = self.list_chat_messages(chat_id, limit=page_size, after_id=after)
        more = page.has_more and page.messages
        return page.messages, str(page.messages[-1].id) if more else None


def _chat(chat_id: str) -> str:
    return f"{_CHATS}/{segment(chat_id)}"


def _queued(chat_id: str, queued_id: int) -> str:
    return f"{_chat(chat_id)}/queue/{segment(str(queued_id))}"

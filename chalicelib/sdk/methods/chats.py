"""Chats and their messages."""

from collections.abc import Iterator
from functools import partial

from ..chats import Chat, ChatMessage, ChatMessages, CreateChatRequest
from ..connection import segment
from ..paging import PAGE_SIZE, iterate_pages
from .base import Methods

_CHATS = "/api/experimental/chats"


class ChatMethods(Methods):
    """The caller's chats; nobody has another's."""

    def create_chat(self, request: CreateChatRequest) -> Chat:
        """Start a chat with its first message."""
        return self._connection.create(Chat, _CHATS, request)

    def list_chats(self, *, limit: int | None = None, after_id: str | None = None) -> list[Chat]:
        """A page of the caller's chats, the latest changed first."""
        return self._connection.get_list(Chat, _CHATS, {"limit": limit, "after_id": after_id})

    def iter_chats(self, *, page_size: int = PAGE_SIZE) -> Iterator[Chat]:
        """All of the caller's chats, the latest changed first."""

        def get_page(cursor: str | None) -> tuple[list[Chat], str | None]:
            chats = self.list_chats(limit=page_size, after_id=cursor)
            return chats, chats[-1].id if len(chats) == page_size else None

        return iterate_pages(get_page)

    def get_chat(self, chat_id: str) -> Chat:
        """One of the caller's chats."""
        return self._connection.get(Chat, _chat(chat_id))

    def list_chat_messages(
        self,
        chat_id: str,
        *,
        limit: int | None = None,
        before_id: int | None = None,
        after_id: int | None = None,
    ) -> ChatMessages:
        """A page of a chat's messages: newest first, oldest first with only `after_id`."""
        query = {"limit": limit, "before_id": before_id, "after_id": after_id}
        return self._connection.get(ChatMessages, f"{_chat(chat_id)}/messages", query)

    def iter_chat_messages(
        self, chat_id: str, *, after_id: int = 0, page_size: int = PAGE_SIZE
    ) -> Iterator[ChatMessage]:
        """The messages of a chat after one of them, oldest first."""
        return iterate_pages(partial(self._page_of_messages, chat_id, after_id, page_size))

    def _page_of_messages(
        self, chat_id: str, after_id: int, page_size: int, cursor: str | None
    ) -> tuple[list[ChatMessage], str | None]:
        after = after_id if cursor is None else int(cursor)
        page = self.list_chat_messages(chat_id, limit=page_size, after_id=after)
        more = page.has_more and page.messages
        return page.messages, str(page.messages[-1].id) if more else None


def _chat(chat_id: str) -> str:
    return f"{_CHATS}/{segment(chat_id)}"

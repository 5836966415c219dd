"""Reading and removing chats, and the way in which each of them is changed."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.chats.auditing import describe_chat
from chalicelib.chats.errors import ChatChangedError, ChatNotFoundError, InvalidPageError
from chalicelib.chats.models import Chat, Message, MessagePage, Queued, Visibility
from chalicelib.chats.ports import TurnQueue
from chalicelib.chats.repository import ChatRepository, ChatWrite
from chalicelib.chats.search import Search
from chalicelib.chats.transition import Transition
from chalicelib.identity.models import Actor
from chalicelib.mcp_servers.selection import ServerSelection
from chalicelib.primitives import Clock, parse_id
from chalicelib.sdk.chats import ChatStatus
from chalicelib.storage import StorageUnavailableError

_MOST_PER_PAGE = 200
_MOST_SEARCHED = 1000
_MOST_REMOVED_AT_ONCE = 2000  # Twenty transactions: a few seconds of the 29 that a request has.
_ATTEMPTS = 5
_LONGEST_WAIT = 20
_POLL_SECONDS = 0.4


class ChatService:
    """Reads, changes and removes chats; lives as long as the container."""

    def __init__(
        self,
        repository: ChatRepository,
        servers: ServerSelection,
        queue: TurnQueue,
        clock: Clock,
        pause: Callable[[float], object],
    ) -> None:
        self._repository = repository
        self._servers = servers
        self._queue = queue
        self._clock = clock
        self._pause = pause

    def list_own(
        self, actor: Actor, search: Search, *, limit: int, after_id: str | None
    ) -> list[Chat]:
        """The actor's chats: pinned ones first, then the latest changed.

        Raises:
            InvalidPageError: the limit is out of range, or `after_id` is no chat of the actor's.
        """
        check_limit(limit)
        after = None
        if after_id is not None:
            try:
                after = self.require_own(actor, after_id)
            except ChatNotFoundError as exc:
                raise InvalidPageError("after_id", "is not one of your chats") from exc
        chats = self._repository.list_owned(actor.user_id, limit, after, search)
        existing = self._servers.existing_ids() if chats else frozenset()
        return [_without_deleted(chat, existing) for chat in chats]

    def find_by_workspace(self, actor: Actor, workspace_ids: Sequence[str]) -> dict[str, Chat]:
        """The latest changed of the actor's chats in each of some workspaces that has any."""
        search = Search(workspace_ids=tuple(workspace_ids))
        chats = self._repository.list_owned(actor.user_id, _MOST_SEARCHED, None, search)
        existing = self._servers.existing_ids() if chats else frozenset()
        return {
            chat.workspace_id: _without_deleted(chat, existing)
            for chat in sorted(chats, key=lambda each: each.updated_at)
            if chat.workspace_id is not None
        }

    def get(self, actor: Actor, chat_id: str) -> Chat:
        """One of the actor's chats. Nobody reads another's, admins included.

        Raises:
            ChatNotFoundError: there is none, or it is somebody else's.
        """
        return _without_deleted(self.require_own(actor, chat_id), self._servers.existing_ids())

    def list_messages(
        self,
        actor: Actor,
        chat_id: str,
        *,
        limit: int,
        after_id: int | None,
        before_id: int | None,
        wait: int = 0,
    ) -> MessagePage:
        """A page of messages: newest first, or oldest first if only `after_id` is given.

        Args:
            actor: who asks.
            chat_id: of which chat.
            limit: how many at most.
            after_id: only later ones.
            before_id: only earlier ones.
            wait: for how many seconds an answer without messages is put off.

        Raises:
            ChatNotFoundError: there is no such chat, or it is somebody else's.
            InvalidPageError: the limit is out of range, or nothing lies between the two ids.
        """
        check_limit(limit)
        if after_id is not None and before_id is not None and after_id >= before_id:
            raise InvalidPageError("after_id", "must be less than before_id")
        if wait and (after_id is None or before_id is not None):
            raise InvalidPageError("wait", "goes with after_id alone")
        chat = self.require_own(actor, chat_id)
        page = self._page(chat, limit, after_id, before_id)
        for _ in range(polls(wait)):
            if page.messages:
                break
            self._pause(_POLL_SECONDS)
            chat = self.require_own(actor, chat_id)
            if chat.last_message_id > (after_id or 0):
                page = self._page(chat, limit, after_id, before_id)
        if after_id is None and before_id is None:
            page = replace(page, queued=self.list_queued(chat))
        return page

    def list_queued(self, chat: Chat) -> tuple[Queued, ...]:
        """The messages that wait, the next one first."""
        if not chat.queue:
            return ()
        by_id = {each.id: each for each in self._repository.list_queued(chat.id)}
        return tuple(by_id[each] for each in chat.queue if each in by_id)

    def delete(self, actor: Actor, chat_id: str) -> None:
        """Remove a chat with everything in it; one half removed is hidden, and removed later.

        Raises:
            ChatNotFoundError: there is none, or it is somebody else's.
            ChatChangedError: others wrote it again and again.
        """
        for attempts_left in reversed(range(_ATTEMPTS)):
            chat = self.require_own(actor, chat_id)
            gone = actor.did(
                Action.DELETE,
                ObjectType.CHAT,
                chat.id,
                diff(describe_chat(chat), {}),
                organization_id=chat.organization_id,
            )
            try:
                self._repository.mark_deleted(chat, gone)
            except ChatChangedError:
                if not attempts_left:
                    raise
                continue
            with suppress(StorageUnavailableError):  # The reaper goes on with it.
                self._repository.remove(chat.id, chat.organization_id, _MOST_REMOVED_AT_ONCE)
            return

    def remove_deleted(self) -> int:
        """Go on removing chats whose removal stopped half-way; returns how many are left."""
        most = _MOST_REMOVED_AT_ONCE
        found = self._repository.list_deleted()
        for number, (chat_id, organization_id) in enumerate(found):
            most = self._repository.remove(chat_id, organization_id, most)
            if most < 0:
                return len(found) - number
        return 0

    def remove_all_of(self, user_id: str) -> bool:
        """Remove a deleted user's chats; implements `identity.ports.Belongings`."""
        return self._repository.remove_owned(user_id, _MOST_REMOVED_AT_ONCE)

    def require_own(self, actor: Actor, chat_id: str) -> Chat:
        """One of the actor's chats as it is stored.

        Raises:
            ChatNotFoundError: there is none, or it is somebody else's.
        """
        parsed = parse_id(chat_id)
        chat = None if parsed is None else self._repository.find(parsed)
        if chat is None or chat.owner_id != actor.user_id:
            raise ChatNotFoundError
        return chat

    def change(
        self, actor: Actor, chat_id: str, make: Callable[[Transition], ChatWrite | None]
    ) -> Chat:
        """Make a transition of one of the actor's chats; anew when somebody else was quicker.

        If the chat waits for a worker after it, and did not before, or not with the messages that
        it has now, one is woken.

        Raises:
            ChatNotFoundError: there is none, or it is somebody else's.
            ChatChangedError: others wrote it again and again.
        """
        for _ in range(_ATTEMPTS):
            before = self.require_own(actor, chat_id)
            write = make(Transition(before, self._clock()))
            if write is None:
                return before
            with suppress(ChatChangedError):
                chat = self._repository.write(write)
                was_due = before.status is ChatStatus.PENDING and not write.messages
                if chat.status is ChatStatus.PENDING and not was_due:
                    self._queue.send(chat.id)
                return chat
        raise ChatChangedError

    def _page(
        self, chat: Chat, limit: int, after_id: int | None, before_id: int | None
    ) -> MessagePage:
        """The messages that the owner may see; what is hidden makes room for others."""
        ascending = after_id is not None and before_id is None
        after, before = after_id or 0, before_id
        seen: list[Message] = []
        while len(seen) <= limit:
            found = self._repository.list_messages(
                chat.id, after_id=after, before_id=before, limit=limit + 1, ascending=ascending
            )
            seen += [
                each
                for each in found
                if each.visibility is not Visibility.MODEL and not chat.hides(each.id)
            ]
            if len(found) <= limit:
                break
            if ascending:
                after = found[-1].id
            else:
                before = found[-1].id
        return MessagePage(tuple(seen[:limit]), has_more=len(seen) > limit)


def check_limit(limit: int) -> None:
    """Insist on a possible size of a page.

    Raises:
        InvalidPageError: it is out of range.
    """
    if not 1 <= limit <= _MOST_PER_PAGE:
        raise InvalidPageError("limit", f"must be from 1 to {_MOST_PER_PAGE}")


def polls(wait: int) -> int:
    """How often to look again within so many seconds.

    Raises:
        InvalidPageError: they are too many.
    """
    if wait > _LONGEST_WAIT:
        raise InvalidPageError("wait", f"must be from 0 to {_LONGEST_WAIT}")
    return int(wait / _POLL_SECONDS)


def _without_deleted(chat: Chat, existing: frozenset[str]) -> Chat:
    """The chat without the ids of deleted servers: so no deletion has to visit every chat."""
    kept = tuple(id_ for id_ in chat.mcp_server_ids if id_ in existing)
    return replace(chat, mcp_server_ids=kept)

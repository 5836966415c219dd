"""Chats: whose they are, where they belong, which servers they may use."""

from dataclasses import replace

from chalicelib.audit import Action, ObjectType, diff
from chalicelib.chats.auditing import describe_chat
from chalicelib.chats.errors import ChatNotFoundError, InvalidPageError
from chalicelib.chats.models import Chat, Message, MessagePage, build_title
from chalicelib.chats.repository import ChatRepository
from chalicelib.identity.models import Actor
from chalicelib.mcp_servers.selection import ServerSelection
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock, new_id, parse_id
from chalicelib.sdk.chats import ChatStatus, CreateChatRequest, MessageRole

_MOST_PER_PAGE = 200
_MOST_REMOVED_AT_ONCE = 2000  # Twenty transactions: a few seconds of the 29 that a request has.


class ChatService:
    """Creates and reads chats; lives as long as the container."""

    def __init__(
        self,
        repository: ChatRepository,
        organizations: OrganizationService,
        servers: ServerSelection,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._organizations = organizations
        self._servers = servers
        self._clock = clock

    def create(self, actor: Actor, request: CreateChatRequest) -> Chat:
        """A new chat of the actor's in one of their organisations, with its first message.

        Raises:
            NotAMemberError: the actor is not in the organisation.
            InvalidSelectionError: a server asked for is unknown, disabled, or not for the actor in
                this organisation.
        """
        membership = self._organizations.require_member(actor, request.organization_id)
        server_ids = self._servers.for_new_chat(actor, membership, request.mcp_server_ids)
        now = self._clock()
        texts = tuple(part.text for part in request.content)
        first = Message(
            id=1,
            chat_id=new_id(),
            created_by=actor.user_id,
            created_at=now,
            role=MessageRole.USER,
            texts=texts,
        )
        chat = Chat(
            id=first.chat_id,
            owner_id=actor.user_id,
            organization_id=membership.organization_id,
            title=build_title(texts[0]),
            status=ChatStatus.WAITING,
            mcp_server_ids=tuple(server_ids),
            last_message_id=first.id,
            created_at=now,
            updated_at=now,
        )
        event = actor.did(
            Action.CREATE,
            ObjectType.CHAT,
            chat.id,
            diff({}, describe_chat(chat)),
            organization_id=chat.organization_id,
        )
        self._repository.add(chat, first, event)
        return chat

    def list_own(self, actor: Actor, *, limit: int, after_id: str | None) -> list[Chat]:
        """The actor's chats, the latest changed first.

        Raises:
            InvalidPageError: the limit is out of range, or `after_id` is no chat of the actor's.
        """
        _check_limit(limit)
        after = None
        if after_id is not None:
            try:
                after = self._own(actor, after_id)
            except ChatNotFoundError as exc:
                raise InvalidPageError("after_id", "is not one of your chats") from exc
        chats = self._repository.list_owned(actor.user_id, limit, after)
        existing = self._servers.existing_ids() if chats else frozenset()
        return [_without_deleted(chat, existing) for chat in chats]

    def get(self, actor: Actor, chat_id: str) -> Chat:
        """One of the actor's chats. Nobody reads another's, admins included.

        Raises:
            ChatNotFoundError: there is none, or it is somebody else's.
        """
        return _without_deleted(self._own(actor, chat_id), self._servers.existing_ids())

    def list_messages(
        self,
        actor: Actor,
        chat_id: str,
        *,
        limit: int,
        after_id: int | None,
        before_id: int | None,
    ) -> MessagePage:
        """A page of messages: newest first, or oldest first if only `after_id` is given.

        Raises:
            ChatNotFoundError: there is no such chat, or it is somebody else's.
            InvalidPageError: the limit is out of range, or nothing lies between the two ids.
        """
        _check_limit(limit)
        if after_id is not None and before_id is not None and after_id >= before_id:
            raise InvalidPageError("after_id", "must be less than before_id")
        chat = self._own(actor, chat_id)
        messages = self._repository.list_messages(
            chat.id,
            after_id=after_id or 0,
            before_id=before_id,
            limit=limit + 1,
            ascending=after_id is not None and before_id is None,
        )
        return MessagePage(tuple(messages[:limit]), has_more=len(messages) > limit)

    def remove_all_of(self, user_id: str) -> bool:
        """Remove a deleted user's chats; implements `identity.ports.Belongings`."""
        return self._repository.remove_owned(user_id, _MOST_REMOVED_AT_ONCE)

    def _own(self, actor: Actor, chat_id: str) -> Chat:
        parsed = parse_id(chat_id)
        chat = None if parsed is None else self._repository.find(parsed)
        if chat is None or chat.owner_id != actor.user_id:
            raise ChatNotFoundError
        return chat


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= _MOST_PER_PAGE:
        raise InvalidPageError("limit", f"must be from 1 to {_MOST_PER_PAGE}")


def _without_deleted(chat: Chat, existing: frozenset[str]) -> Chat:
    """The chat without the ids of deleted servers: so no deletion has to visit every chat."""
    kept = tuple(id_ for id_ in chat.mcp_server_ids if id_ in existing)
    return replace(chat, mcp_server_ids=kept)

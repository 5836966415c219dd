"""Chats and their messages as the API tells them."""

from chalicelib.chats.following import Happening, News
from chalicelib.chats.models import Chat, Message, MessagePage, Queued
from chalicelib.sdk import chats


def to_chat(chat: Chat) -> chats.Chat:
    """A chat."""
    return chats.Chat(
        id=chat.id,
        owner_id=chat.owner_id,
        organization_id=chat.organization_id,
        workspace_id=chat.workspace_id,
        last_model_config_id=chat.model_config_id,
        title=chat.title,
        status=chat.status,
        last_error=chat.last_error,
        mcp_server_ids=list(chat.mcp_server_ids),
        labels=dict(chat.labels),
        archived=chat.archived,
        pin_order=chat.pin_order,
        has_unread=chat.has_unread,
        pending_tool_calls=_pending(chat),
        action_deadline=chat.action_deadline,
        created_at=chat.created_at,
        updated_at=chat.updated_at,
    )


def to_messages(page: MessagePage) -> chats.ChatMessages:
    """A page of messages."""
    return chats.ChatMessages(
        messages=[to_message(message) for message in page.messages],
        queued_messages=[to_queued(queued) for queued in page.queued],
        has_more=page.has_more,
    )


def to_message(message: Message) -> chats.ChatMessage:
    """A message."""
    return chats.ChatMessage(
        id=message.id,
        chat_id=message.chat_id,
        created_by=message.created_by,
        model_config_id=message.model_config_id,
        created_at=message.created_at,
        role=message.role,
        content=list(message.parts),
        usage=message.usage,
    )


def to_queued(queued: Queued) -> chats.QueuedMessage:
    """A message that waits."""
    return chats.QueuedMessage(
        id=queued.id,
        chat_id=queued.chat_id,
        created_at=queued.created_at,
        content=list(queued.parts),
        model_config_id=queued.model_config_id,
    )


def to_events(news: News) -> chats.StreamEvents:
    """What has happened in a followed chat."""
    return chats.StreamEvents(
        events=[_to_event(each) for each in news.happenings],
        cursor=str(news.cursor),
        status=news.status,
    )


def _to_event(happening: Happening) -> chats.StreamEvent:
    event = chats.StreamEvent(type=happening.type)
    chat = happening.chat
    if happening.message is not None:
        event.message = to_message(happening.message)
    if happening.part is not None:
        event.message_part = chats.StreamPart(message_id=happening.message_id, part=happening.part)
    if chat is None:
        return event
    if happening.type is chats.StreamEventType.STATUS:
        event.status = chat.status
    if happening.type is chats.StreamEventType.ERROR:
        event.error = chat.last_error
    if happening.type is chats.StreamEventType.QUEUE_UPDATE:
        event.queued_messages = [to_queued(each) for each in happening.queued]
    if happening.type is chats.StreamEventType.ACTION_REQUIRED:
        event.pending_tool_calls = _pending(chat)
    return event


def _pending(chat: Chat) -> list[chats.PendingToolCall]:
    return [
        chats.PendingToolCall(
            tool_call_id=call.id, tool_name=call.tool_name, mcp_server_config_id=call.server_id
        )
        for call in chat.waiting_calls
    ]

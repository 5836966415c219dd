"""Chats: making, listing, changing and removing them, and what is in them."""

from chalicelib.api.call import Call
from chalicelib.api.contract import Parameter, limit
from chalicelib.api.errors import InvalidQueryError
from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Route
from chalicelib.chats.search import MOST_WORKSPACES, parse_search, parse_workspaces
from chalicelib.chats.wire import to_chat, to_events, to_message, to_messages, to_queued
from chalicelib.sdk import requests
from chalicelib.sdk.chats import (
    Chat,
    ChatMessage,
    ChatMessages,
    ChatsByWorkspace,
    CreateChatMessageReply,
    StreamEvents,
    StreamTicket,
)

_MOST_QUEUED_ID = 12


def create_chat(call: Call) -> Reply:
    """Start a chat with its first message; its first turn begins.

    No `mcp_server_ids` means the servers that are on by default; forced ones are always added, and
    duplicates collapse. Ids that are unknown, disabled, or not for the caller in this organisation
    are 400 and named.
    """
    chat = call.services.chat_starter.start(call.actor, call.body(requests.chats.CreateChatRequest))
    return json_reply(to_chat(chat), 201)


def list_chats(call: Call) -> Reply:
    """The caller's chats: pinned ones first, then the latest changed."""
    chats = call.services.chats.list_own(
        call.actor,
        parse_search(call.query("q") or "", call.queries("label")),
        limit=call.limit(),
        after_id=call.query("after_id"),
    )
    return json_reply([to_chat(chat) for chat in chats])


def find_by_workspace(call: Call) -> Reply:
    """The latest changed of the caller's chats in each of some workspaces."""
    ids = parse_workspaces("workspace_ids", call.query("workspace_ids") or "")
    found = call.services.chats.find_by_workspace(call.actor, ids)
    return json_reply(ChatsByWorkspace({id_: to_chat(chat) for id_, chat in found.items()}))


def get_chat(call: Call, chat_id: str) -> Reply:
    """One of the caller's chats."""
    return json_reply(to_chat(call.services.chats.get(call.actor, chat_id)))


def update_chat(call: Call, chat_id: str) -> Reply:
    """Change a chat's title, labels, pin, archive, servers, or whether it counts as read."""
    call.services.conversation.update(
        call.actor, chat_id, call.body(requests.chats.UpdateChatRequest)
    )
    return Reply(204)


def delete_chat(call: Call, chat_id: str) -> Reply:
    """Remove a chat with everything in it."""
    call.services.chats.delete(call.actor, chat_id)
    return Reply(204)


def list_messages(call: Call, chat_id: str) -> Reply:
    """A page of a chat's messages; with `wait`, as soon as there are any.

    Newest first; oldest first when only `after_id` is given.
    """
    page = call.services.chats.list_messages(
        call.actor,
        chat_id,
        limit=call.limit(),
        after_id=call.number("after_id"),
        before_id=call.number("before_id"),
        wait=call.number("wait") or 0,
    )
    return json_reply(to_messages(page))


def create_message(call: Call, chat_id: str) -> Reply:
    """Say something in a chat: a turn begins, or the message waits for the present one."""
    request = call.body(requests.chats.CreateChatMessageRequest)
    sent = call.services.conversation.send(call.actor, chat_id, request)
    return json_reply(
        CreateChatMessageReply(
            queued=sent.queued is not None,
            message=to_message(sent.message) if sent.message else None,
            queued_message=to_queued(sent.queued) if sent.queued else None,
        )
    )


def edit_message(call: Call, chat_id: str, message_id: str) -> Reply:
    """Say something else instead of a message; all that came after it goes."""
    request = call.body(requests.chats.EditChatMessageRequest)
    message = call.services.conversation.edit(
        call.actor, chat_id, _number("message_id", message_id), request
    )
    return json_reply(to_message(message))


def follow(call: Call, chat_id: str) -> Reply:
    """What has happened in a chat since a cursor; with `wait`, as soon as something has."""
    news = call.services.following.follow(
        call.actor,
        chat_id,
        cursor=call.query("cursor"),
        after_id=call.number("after_id"),
        wait=call.number("wait") or 0,
    )
    return json_reply(to_events(news))


def create_stream_ticket(call: Call, chat_id: str) -> Reply:
    """A ticket with which a browser follows a chat through one WebSocket."""
    ticket = call.services.sockets.issue_ticket(call.actor, chat_id)
    return json_reply(
        StreamTicket(ticket=ticket.text, expires_at=ticket.expires_at, url=ticket.url), 201
    )


def interrupt_chat(call: Call, chat_id: str) -> Reply:
    """End the present turn; what the model has said so far stays."""
    return json_reply(to_chat(call.services.conversation.interrupt(call.actor, chat_id)))


def retry_chat(call: Call, chat_id: str) -> Reply:
    """Try the step again that the last turn failed at."""
    return json_reply(to_chat(call.services.conversation.retry(call.actor, chat_id)))


def regenerate_title(call: Call, chat_id: str) -> Reply:
    """Have the chat's model find a title for it."""
    return json_reply(to_chat(call.services.titles.regenerate(call.actor, chat_id)))


def decide_tool_calls(call: Call, chat_id: str) -> Reply:
    """Approve or deny tool calls that wait for the caller."""
    request = call.body(requests.chats.DecideToolCallsRequest)
    return json_reply(to_chat(call.services.conversation.decide(call.actor, chat_id, request)))


def delete_queued(call: Call, chat_id: str, queued_id: str) -> Reply:
    """Take back a message that waits."""
    call.services.conversation.delete_queued(call.actor, chat_id, _number("queued_id", queued_id))
    return Reply(204)


def promote_queued(call: Call, chat_id: str, queued_id: str) -> Reply:
    """Have a message that waits go on at once."""
    number = _number("queued_id", queued_id)
    return json_reply(
        to_chat(call.services.conversation.promote_queued(call.actor, chat_id, number))
    )


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_QUEUED_ID):
        raise InvalidQueryError(name, "must be a whole number")
    return int(text)


_ALL = "/api/experimental/chats"
_ONE = f"{_ALL}/{{chat_id}}"
_WAIT = Parameter(
    "wait", "For how many seconds an empty answer is put off.", "integer", minimum=0, maximum=20
)
ROUTES = (
    Route(
        "POST",
        _ALL,
        create_chat,
        creates=True,
        body=lambda: requests.chats.CreateChatRequest,
        reply=Chat,
        status=201,
        errors=(404,),
    ),
    Route(
        "GET",
        _ALL,
        list_chats,
        reply=list[Chat],
        query=(
            limit(),
            Parameter("after_id", "The last chat of the page before.", format="uuid"),
            Parameter(
                "q",
                "Words of the title, archived:true, status:error, has_unread:true, workspace:<id>.",
            ),
            Parameter("label", "key:value of a label; may be repeated, all must fit."),
        ),
    ),
    Route(
        "GET",
        f"{_ALL}/by-workspace",
        find_by_workspace,
        reply=ChatsByWorkspace,
        query=(Parameter("workspace_ids", f"1 to {MOST_WORKSPACES} ids, separated by commas."),),
    ),
    Route("GET", _ONE, get_chat, reply=Chat),
    Route(
        "PATCH",
        _ONE,
        update_chat,
        body=lambda: requests.chats.UpdateChatRequest,
        status=204,
        errors=(409,),
    ),
    Route("DELETE", _ONE, delete_chat, status=204, errors=(409,)),
    Route(
        "GET",
        f"{_ONE}/messages",
        list_messages,
        reply=ChatMessages,
        query=(
            limit(),
            Parameter("after_id", "Only messages after this one.", "integer", minimum=0),
            Parameter("before_id", "Only messages before this one.", "integer", minimum=0),
            _WAIT,
        ),
    ),
    Route(
        "POST",
        f"{_ONE}/messages",
        create_message,
        creates=True,
        body=lambda: requests.chats.CreateChatMessageRequest,
        reply=CreateChatMessageReply,
        errors=(429,),
    ),
    Route(
        "PATCH",
        f"{_ONE}/messages/{{message_id}}",
        edit_message,
        body=lambda: requests.chats.EditChatMessageRequest,
        reply=ChatMessage,
        errors=(403, 409),
    ),
    Route(
        "GET",
        f"{_ONE}/events",
        follow,
        reply=StreamEvents,
        query=(
            Parameter("cursor", "The last answer's cursor."),
            Parameter("after_id", "The last message seen, without a cursor.", "integer", minimum=0),
            _WAIT,
        ),
    ),
    Route("POST", f"{_ONE}/stream-tickets", create_stream_ticket, reply=StreamTicket, status=201),
    Route("POST", f"{_ONE}/interrupt", interrupt_chat, reply=Chat, errors=(409,)),
    Route("POST", f"{_ONE}/retry", retry_chat, reply=Chat, errors=(400, 403, 409)),
    Route(
        "POST",
        f"{_ONE}/title/regenerate",
        regenerate_title,
        reply=Chat,
        errors=(400, 403, 409, 502, 504),
    ),
    Route(
        "POST",
        f"{_ONE}/tool-approvals",
        decide_tool_calls,
        body=lambda: requests.chats.DecideToolCallsRequest,
        reply=Chat,
        errors=(403, 409),
    ),
    Route("DELETE", f"{_ONE}/queue/{{queued_id}}", delete_queued, status=204, errors=(400, 409)),
    Route(
        "POST",
        f"{_ONE}/queue/{{queued_id}}/promote",
        promote_queued,
        reply=Chat,
        errors=(400, 403, 409),
    ),
)

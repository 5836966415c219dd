"""Chats and their messages."""

from chalicelib.api.contract import Parameter, limit
from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Call, Route
from chalicelib.api.wire import to_chat, to_messages
from chalicelib.sdk.chats import Chat, ChatMessages, CreateChatRequest


def create_chat(call: Call) -> Reply:
    """Start a chat with its first message.

    No `mcp_server_ids` means the servers that are on by default; forced ones are always added, and
    duplicates collapse. Ids that are unknown, disabled, or not for the caller in this organisation
    are 400 and named.
    """
    return json_reply(
        to_chat(call.services.chats.create(call.actor, call.body(CreateChatRequest))), 201
    )


def list_chats(call: Call) -> Reply:
    """The caller's chats, the latest changed first."""
    chats = call.services.chats.list_own(
        call.actor,
        limit=call.limit(),
        after_id=call.query("after_id"),
    )
    return json_reply([to_chat(chat) for chat in chats])


def get_chat(call: Call, chat_id: str) -> Reply:
    """One of the caller's chats."""
    return json_reply(to_chat(call.services.chats.get(call.actor, chat_id)))


def list_messages(call: Call, chat_id: str) -> Reply:
    """A page of a chat's messages.

    Newest first; oldest first when only `after_id` is given.
    """
    page = call.services.chats.list_messages(
        call.actor,
        chat_id,
        limit=call.limit(),
        after_id=call.number("after_id"),
        before_id=call.number("before_id"),
    )
    return json_reply(to_messages(page))


_ALL = "/api/experimental/chats"
ROUTES = (
    Route(
        "POST",
        _ALL,
        create_chat,
        creates=True,
        body=CreateChatRequest,
        reply=Chat,
        status=201,
        errors=(404,),
    ),
    Route(
        "GET",
        _ALL,
        list_chats,
        reply=list[Chat],
        query=(limit(), Parameter("after_id", "The last chat of the page before.", format="uuid")),
    ),
    Route("GET", f"{_ALL}/{{chat_id}}", get_chat, reply=Chat),
    Route(
        "GET",
        f"{_ALL}/{{chat_id}}/messages",
        list_messages,
        reply=ChatMessages,
        query=(
            limit(),
            Parameter("after_id", "Only messages after this one.", "integer", minimum=0),
            Parameter("before_id", "Only messages before this one.", "integer", minimum=0),
        ),
    ),
)

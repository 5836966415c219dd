"""A real client of the WebSocket API, against a deployed stack."""

import time
from collections.abc import Iterator

import websocket

from chalicelib.sdk.chats import ChatStatus, StreamMessage
from chalicelib.sdk.reading import read_json
from infra.deploy_local import DeployedStack


def open_socket(address: str, token: str = "") -> websocket.WebSocket:
    """A real WebSocket; with a token, or with the ticket in its address."""
    header = [f"Authorization: Bearer {token}"] if token else []
    return websocket.create_connection(address, header=header, timeout=30)


def messages_until_rest(socket: websocket.WebSocket) -> Iterator[StreamMessage]:
    """What comes through it until the chat waits for its owner."""
    message = StreamMessage(type="ping")
    while message.status is not ChatStatus.WAITING:
        message = read_json(StreamMessage, socket.recv())
        yield message


def connections_of(stack: DeployedStack, chat_id: str) -> list[str]:
    """The connections that follow a chat, as the table has them."""
    found = stack.aws.client("dynamodb").query(
        TableName="ciborium-local-chats",
        KeyConditionExpression="PK = :chat AND begins_with(SK, :connection)",
        ExpressionAttributeValues={
            ":chat": {"S": f"CHAT#{chat_id}"},
            ":connection": {"S": "CONN#"},
        },
    )
    return [item["SK"]["S"] for item in found["Items"]]


def wait_until_nobody_follows(stack: DeployedStack, chat_id: str) -> None:
    """Wait until a chat has no connections left."""
    give_up = time.monotonic() + 30
    while connections_of(stack, chat_id):
        assert time.monotonic() < give_up, "closed sockets are not forgotten"
        time.sleep(0.2)

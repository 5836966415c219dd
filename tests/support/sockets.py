"""API Gateway's WebSockets, as the product sees them: events, and where messages are posted to."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import EndpointConnectionError

from tests.support import aws


@dataclass
class Sockets:
    """Takes what is posted to sockets, where botocore would send it.

    Attributes:
        received: the messages of each connection, by its id.
        gone: ids of connections that are closed.
        is_down: whether API Gateway cannot be reached.
        refusal: the status that it refuses every post with, if it does.
    """

    received: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    gone: set[str] = field(default_factory=set)
    is_down: bool = False
    refusal: int = 0

    def client(self) -> Any:
        """A botocore client whose requests end here."""
        client = aws.client("apigatewaymanagementapi")
        client.meta.events.register("before-call.apigatewaymanagementapi", self._take)
        return client

    def _take(self, params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        if self.is_down:
            raise EndpointConnectionError(endpoint_url="https://stream.ciborium.example")
        connection_id = unquote(params["url_path"].rpartition("/")[2])
        if self.refusal:
            return _answer(self.refusal)
        if connection_id in self.gone:
            return _answer(410)
        self.received[connection_id].append(json.loads(params["body"]))
        return _answer(200)


def _answer(status: int) -> tuple[AWSResponse, dict[str, Any]]:
    parsed: dict[str, Any] = {"ResponseMetadata": {"HTTPStatusCode": status}}
    if status >= 300:
        parsed["Error"] = {"Code": "GoneException" if status == 410 else "Refused", "Message": ""}
    return AWSResponse("", status, HTTPHeaders(), None), parsed


def connecting(
    connection_id: str, chat_id: str, token: str = "", ticket: str = ""
) -> dict[str, Any]:
    """The event of somebody who wants in."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    query = {"chat_id": chat_id, **({"ticket": ticket} if ticket else {})}
    event = _event("CONNECT", "$connect", connection_id)
    return {**event, "headers": headers, "queryStringParameters": query}


def leaving(connection_id: str) -> dict[str, Any]:
    """The event of somebody who has left."""
    return _event("DISCONNECT", "$disconnect", connection_id)


def saying(connection_id: str, text: str) -> dict[str, Any]:
    """The event of somebody who says something through their socket."""
    return {**_event("MESSAGE", "$default", connection_id), "body": text}


def _event(kind: str, route: str, connection_id: str) -> dict[str, Any]:
    return {
        "isBase64Encoded": False,
        "requestContext": {
            "routeKey": route,
            "eventType": kind,
            "connectionId": connection_id,
            "requestId": f"request-{connection_id}",
            "stage": "api",
            "identity": {"sourceIp": "127.0.0.1"},
        },
    }

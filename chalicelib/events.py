"""The edge for what is no HTTP request: hints from the queue, the clock, and WebSockets."""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, CloudWatchEvent, SQSEvent

from chalicelib.audit import RequestContext
from chalicelib.errors import CiboriumError, UnavailableError
from chalicelib.identity.errors import MissingTokenError
from chalicelib.identity.permissions import TokenScope
from chalicelib.logs import describe_exception, get_logger
from chalicelib.primitives import parse_id

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services

TURNS = "turns"
REAPER = "reaper"
FOLLOW = "follow"
Handler = Callable[[Any, Any], Any]


def register(app: Chalice, services: "Callable[[], Services]") -> tuple[Handler, Handler, Handler]:
    """Offer `turns`, `reaper` and `follow`; each becomes a Lambda function of its own.

    Lambda looks them up in app.py by these names.
    """

    # infra/template.py puts the real queue in; one hint at a time, since a step may take minutes.
    @app.on_sqs_message(queue=TURNS, batch_size=1, name=TURNS)
    def turns(event: SQSEvent) -> dict[str, Any]:
        return take_hints(services(), event.to_dict())

    @app.schedule("rate(1 minute)", name=REAPER)
    def reaper(_: CloudWatchEvent) -> None:
        wake_stuck(services())
        remove_leftovers(services())

    # All routes of the WebSocket API in infra/api.yaml lead here.
    @app.lambda_function(name=FOLLOW)
    def follow(event: dict[str, Any], _: object) -> dict[str, Any]:
        return attend_socket(services(), event)

    return turns, reaper, follow


def take_hints(services: "Services", event: dict[str, Any]) -> dict[str, Any]:
    """Perform the steps that an SQS event hints at, and say which hints shall come again.

    The answer is what Lambda calls a partial batch response
    (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).
    """
    failed = [
        {"itemIdentifier": record["messageId"]}
        for record in event["Records"]
        if not _take(services, record)
    ]
    return {"batchItemFailures": failed}


def wake_stuck(services: "Services") -> None:
    """Wake the chats that nobody works on although they are due; a failure waits a minute."""
    started = time.perf_counter()
    try:
        woken = services.turns.wake_stuck()
    except Exception as exc:  # noqa: BLE001 -- Lambda would log its text, and secrets in it
        _log("error", "reaper failed", started, _describe(exc))
        return
    _log("info", "reaper", started, {"woken": woken})


def remove_leftovers(services: "Services") -> None:
    """Remove what uploads and deletions of files that stopped half-way have left."""
    started = time.perf_counter()
    try:
        removed = services.files.remove_leftovers()
    except Exception as exc:  # noqa: BLE001 -- as in `wake_stuck`
        _log("error", "removing leftover files failed", started, _describe(exc))
        return
    if removed:
        _log("info", "leftover files removed", started, {"files": removed})


def attend_socket(services: "Services", event: dict[str, Any]) -> dict[str, Any]:
    """Let somebody in who wants to follow a chat through a WebSocket, or forget who has left.

    What they say through it is ignored. Whoever is refused gets 403, whatever the reason: the log
    has it, and so has the API's answer to the same token
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html).
    """
    started = time.perf_counter()
    context = event["requestContext"]
    kind, connection_id = context.get("eventType"), str(context["connectionId"])
    fields: dict[str, object] = {"event": kind, "connection_id": connection_id}
    status = 200
    try:
        with services.limited_patience():
            if kind == "CONNECT":
                _open_socket(services, event, connection_id)
            elif kind == "DISCONNECT":
                services.sockets.close(connection_id)
    except CiboriumError as exc:
        status = 503 if isinstance(exc, UnavailableError) else 403
        fields["code"] = exc.code
    except Exception as exc:  # noqa: BLE001 -- as in `wake_stuck`
        status = 500
        fields.update(_describe(exc))
    if kind != "MESSAGE":
        _log("error" if status >= 500 else "info", "socket", started, {**fields, "status": status})
    return {"statusCode": status}


def _open_socket(services: "Services", event: dict[str, Any], connection_id: str) -> None:
    query = event.get("queryStringParameters") or {}
    chat_id, ticket = str(query.get("chat_id") or ""), str(query.get("ticket") or "")
    if ticket:
        services.sockets.open_with_ticket(ticket, chat_id, connection_id)
        return
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    scheme, _, token = str(headers.get("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise MissingTokenError
    context = event["requestContext"]
    request = RequestContext(
        str(context.get("requestId") or ""),
        str((context.get("identity") or {}).get("sourceIp") or ""),
        "",
    )
    actor = services.identity.authenticate(token.strip(), request)
    actor.require_scope(TokenScope.CHATS, reading=True)
    services.sockets.open(actor, chat_id, connection_id)


def _take(services: "Services", record: dict[str, Any]) -> bool:
    """Whether a hint is done with; anything that went wrong is worth a second delivery."""
    started = time.perf_counter()
    fields: dict[str, object] = {"message_id": record["messageId"]}
    chat_id = _parse(record["body"])
    if chat_id is None:
        _log("error", "turn hint dropped: it names no chat", started, fields)
        return True
    fields["chat_id"] = chat_id
    try:
        services.turns.handle(chat_id)
    except Exception as exc:  # noqa: BLE001 -- as in `wake_stuck`
        _log("error", "turn failed", started, {**fields, **_describe(exc)})
        return False
    _log("info", "turn", started, fields)
    return True


def _parse(body: str) -> str | None:
    """The chat's id, or None if the body is none of ours: redelivery would not mend it."""
    try:
        hint = json.loads(body)
    except ValueError:
        return None
    chat_id = hint.get("chat_id") if isinstance(hint, dict) else None
    return parse_id(chat_id) if isinstance(chat_id, str) else None


def _describe(exc: Exception) -> dict[str, object]:
    code = {"code": exc.code} if isinstance(exc, CiboriumError) else {}
    return {**code, **describe_exception(exc)}


def _log(level: str, message: str, started: float, fields: dict[str, object]) -> None:
    duration = round((time.perf_counter() - started) * 1000, 1)
    getattr(get_logger(), level)(message, extra={"fields": {**fields, "duration_ms": duration}})

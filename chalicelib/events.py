"""The edge for what is no HTTP request: hints from the queue, the clock, and WebSockets."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, CloudWatchEvent, SQSEvent

from chalicelib.audit import RequestContext
from chalicelib.errors import CiboriumError, UnavailableError
from chalicelib.identity.errors import MissingTokenError
from chalicelib.identity.permissions import TokenScope
from chalicelib.invocations import observed
from chalicelib.logs import describe_exception, get_logger
from chalicelib.metrics import Metric, count, note
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
        return take_hints(services(), event.to_dict(), event.context)

    @app.schedule("rate(1 minute)", name=REAPER)
    def reaper(event: CloudWatchEvent) -> None:
        clear_up(services(), event.context)

    # All routes of the WebSocket API in infra/follow.yaml lead here.
    @app.lambda_function(name=FOLLOW)
    def follow(event: dict[str, Any], context: object) -> dict[str, Any]:
        return attend_socket(services(), event, context)

    return turns, reaper, follow


def take_hints(
    services: "Services", event: dict[str, Any], context: object = None
) -> dict[str, Any]:
    """Perform the steps that an SQS event hints at, and say which hints shall come again.

    The answer is what Lambda calls a partial batch response
    (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).
    """
    failed = [
        {"itemIdentifier": record["messageId"]}
        for record in event["Records"]
        if not _take(services, record, context)
    ]
    return {"batchItemFailures": failed}


def clear_up(services: "Services", context: object = None) -> None:
    """What the clock brings: chats that nobody works on, and what was left half-way."""
    with observed(REAPER, "reaper", context):
        note(outcome="done")
        wake_stuck(services)
        remove_leftovers(services)


def wake_stuck(services: "Services") -> None:
    """Wake the chats that nobody works on although they are due; a failure waits a minute."""
    try:
        note(woken=services.turns.wake_stuck())
    except Exception as exc:  # noqa: BLE001 -- Lambda would log its text, and secrets in it
        _note_failed_task(exc)
        get_logger().error("Waking chats failed.", extra={"fields": _describe(exc)})


def remove_leftovers(services: "Services") -> None:
    """Remove what uploads and deletions of files that stopped half-way have left."""
    try:
        note(files=services.files.remove_leftovers())
    except Exception as exc:  # noqa: BLE001 -- as in `wake_stuck`
        _note_failed_task(exc)
        get_logger().error("Removing leftover files failed.", extra={"fields": _describe(exc)})


def _note_failed_task(exc: Exception) -> None:
    count(Metric.FAILED_TASKS)
    note(outcome="failed", **_describe(exc))


def attend_socket(
    services: "Services", event: dict[str, Any], context: object = None
) -> dict[str, Any]:
    """Let somebody in who wants to follow a chat through a WebSocket, or forget who has left.

    What they say through it is ignored. Whoever is refused gets 403, whatever the reason: the log
    has it, and so has the API's answer to the same token
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html).
    """
    told = event["requestContext"]
    kind, connection_id = told.get("eventType"), str(told["connectionId"])
    with observed(FOLLOW, "socket", context, str(told.get("requestId") or "")):
        status = 200
        try:
            with services.limited_patience():
                if kind == "CONNECT":
                    _open_socket(services, event, connection_id)
                elif kind == "DISCONNECT":
                    services.sockets.close(connection_id)
        except CiboriumError as exc:
            status = 503 if isinstance(exc, UnavailableError) else 403
            note(code=exc.code)
        except Exception as exc:  # noqa: BLE001 -- as in `wake_stuck`
            status = 500
            note(**_describe(exc))
        note(event=kind, connection_id=connection_id, status=status)
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
    note(actor_id=actor.user_id, chat_id=parse_id(chat_id))
    actor.require_scope(TokenScope.CHATS, reading=True)
    services.sockets.open(actor, chat_id, connection_id)


def _take(services: "Services", record: dict[str, Any], context: object) -> bool:
    """Whether a hint is done with; anything that went wrong is worth a second delivery."""
    with observed(TURNS, "turn", context):
        chat_id = _parse(record["body"])
        note(outcome="done", message_id=record["messageId"], chat_id=chat_id)
        if chat_id is None:
            note(outcome="dropped", code="hint_names_no_chat")
            return True
        try:
            services.turns.handle(chat_id)
        except Exception as exc:  # noqa: BLE001 -- as in `wake_stuck`
            count(Metric.FAILED_STEPS)
            note(outcome="failed", **_describe(exc))
            return False
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

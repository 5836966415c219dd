"""The edge for what is no HTTP request: hints from the queue, and the clock."""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, CloudWatchEvent, SQSEvent

from chalicelib.errors import CiboriumError
from chalicelib.logs import describe_exception, get_logger
from chalicelib.primitives import parse_id

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services

TURNS = "turns"
REAPER = "reaper"
Handler = Callable[[Any, Any], Any]


def register(app: Chalice, services: "Callable[[], Services]") -> tuple[Handler, Handler]:
    """Offer both handlers, `turns` and `reaper`; each becomes a Lambda function of its own.

    Lambda looks them up in app.py by these names.
    """

    # infra/package.py puts the real queue in; one hint at a time, since a step may take minutes.
    @app.on_sqs_message(queue=TURNS, batch_size=1, name=TURNS)
    def turns(event: SQSEvent) -> dict[str, Any]:
        return take_hints(services(), event.to_dict())

    @app.schedule("rate(1 minute)", name=REAPER)
    def reaper(_: CloudWatchEvent) -> None:
        wake_stuck(services())
        remove_leftovers(services())

    return turns, reaper


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

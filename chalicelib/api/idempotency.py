"""`Idempotency-Key` at the edge: what creates may be sent again, and happens once."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.api.replies import Reply

if TYPE_CHECKING:
    from chalicelib.api.call import Call

_KEPT_HEADERS = ("ETag",)


def answer_once(call: "Call", method: str, perform: Callable[[], Reply]) -> Reply:
    """Serve a request, or answer what it was answered before if it carries the same key.

    Args:
        call: the request; its actor is known.
        method: its method.
        perform: serves it and raises nothing.

    Raises:
        InvalidKeyError, KeyReusedError, KeyInUseError, AnswerLostError: the key stands in the way.
    """
    key = call.header("idempotency-key")
    if not key:
        return perform()
    from chalicelib.idempotency.models import Answer, Request  # Few requests carry a key.

    keys = call.services.idempotency
    route = f"{method} {call.target}"
    begun = keys.begin(Request(call.actor.user_id, route, key, call.raw_body()))
    if isinstance(begun, Answer):
        headers = {**begun.headers, "Idempotent-Replayed": "true"}
        return Reply(begun.status, begun.body, begun.content_type, headers)
    context = replace(call.actor.request, companion=keys.companion(begun))
    call.actor = replace(call.actor, request=context)
    reply = perform()
    if reply.status >= 500 or "Retry-After" in reply.headers:
        keys.release(begun)  # It did not happen, and is to be asked for again.
    else:
        kept = {name: reply.headers[name] for name in _KEPT_HEADERS if name in reply.headers}
        keys.complete(begun, Answer(reply.status, reply.body, reply.content_type, kept))
    return reply

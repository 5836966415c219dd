"""Amazon Bedrock's ConverseStream, without its client: the request goes out like every other.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

import re
import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.eventstream import EventStreamBuffer, EventStreamMessage, ParserError
from botocore.exceptions import BotoCoreError

from chalicelib.egress.sse import MAX_EVENT_BYTES
from chalicelib.turns.providers.answer import Answer, as_object, as_tokens
from chalicelib.turns.providers.errors import ModelCredentialsError, ModelRejectedError
from chalicelib.turns.providers.failures import stream_failure
from chalicelib.turns.providers.models import (
    Event,
    FinishReason,
    ImagePart,
    ModelRequest,
    ModelTarget,
    Part,
    TextPart,
    ToolCallPart,
    ToolSpec,
    Usage,
)
from chalicelib.turns.providers.outgoing import Outgoing
from chalicelib.turns.providers.prompts import (
    EARLIER,
    IMAGE_TYPES,
    alternate,
    offered_tools,
    result_text,
    sendable_arguments,
    sendable_name,
    sendable_schema,
    to_base64,
    to_json,
    unseen,
)

_REGION = re.compile(r"[a-z0-9-]{1,30}")
_AWS_SUFFIX = ".amazonaws.com"
# Bedrock's own hosts, and those of endpoints in a VPC: others may lead to anybody's gateway at AWS.
_AWS_HOST = re.compile(
    r"(vpce-[a-z0-9-]+\.)?bedrock-runtime(-fips)?\.[a-z0-9-]+(\.vpce)?\.amazonaws\.com"
)
_REASONS: Final[dict[str, FinishReason]] = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


def build_request(target: ModelTarget, request: ModelRequest) -> Outgoing:
    """The request, with the API key if there is one; without, it is yet to be signed.

    Raises:
        ModelRejectedError: no region is known.
    """
    if not _REGION.fullmatch(target.region):
        raise ModelRejectedError(
            target.kind,
            "The model's provider needs the name of an AWS region. An admin can set it.",
        )
    base = target.base_url or f"https://bedrock-runtime.{target.region}{_AWS_SUFFIX}"
    turns = [
        {"role": role, "content": blocks}
        for role, blocks in alternate(
            ((message, [*_blocks(message.parts)]) for message in request.messages),
            {"text": EARLIER},
        )
    ]
    body: dict[str, Any] = {"messages": turns}
    if request.system.strip():
        body["system"] = [{"text": request.system}]
    if request.max_output_tokens is not None:
        body["inferenceConfig"] = {"maxTokens": request.max_output_tokens}
    if tools := offered_tools(request):
        body["toolConfig"] = {"tools": [{"toolSpec": _tool(tool)} for tool in tools]}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/vnd.amazon.eventstream",
    }
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    url = f"{base.rstrip('/')}/model/{quote(request.model, safe='')}/converse-stream"
    return Outgoing(url, headers, to_json(body))


def sign(outgoing: Outgoing, target: ModelTarget, credentials: Any) -> Outgoing:
    """The same, signed with our role's credentials (Signature Version 4).

    Only AWS gets to see them: the signature carries the session token.

    Raises:
        ModelRejectedError: it goes elsewhere.
        ModelCredentialsError: there are none.
    """
    url = urlsplit(outgoing.url)
    if url.scheme != "https" or not _AWS_HOST.fullmatch(url.hostname or ""):
        raise ModelRejectedError(
            target.kind,
            "Without an API key, Bedrock's base URL must be AWS's own "
            f"(https://bedrock-runtime.<region>{_AWS_SUFFIX}). "
            "An admin can correct it.",
        )
    try:
        frozen = credentials.get_frozen_credentials() if credentials else None
    except BotoCoreError:
        frozen = None
    if frozen is None:
        raise ModelCredentialsError(
            target.kind,
            "This deployment has no AWS credentials for Bedrock. An admin can set an API key.",
        )
    request = AWSRequest("POST", outgoing.url, outgoing.headers, outgoing.body)
    SigV4Auth(frozen, "bedrock", target.region).add_auth(request)
    return Outgoing(outgoing.url, dict(request.headers.items()), outgoing.body)


def read_events(chunks: Iterable[bytes], answer: Answer, provider: str) -> Iterator[Event]:
    """The answer's events, from an AWS event stream.

    Raises:
        ModelError: the stream is broken, or says that something failed.
    """
    calls: dict[str, int] = {}
    for message in _iter_messages(chunks, answer):
        headers: dict[str, Any] = message.headers  # type: ignore[assignment]
        kind = headers.get(":message-type")
        if kind == "exception":
            code = str(headers.get(":exception-type"))
            raise stream_failure(provider, answer.parse(message.payload), code)
        if kind == "error":
            raise stream_failure(provider, {}, str(headers.get(":error-code")))
        sent = answer.parse(message.payload)
        index = str(sent.get("contentBlockIndex"))
        match headers.get(":event-type"):
            case "contentBlockStart":
                if tool := as_object(as_object(sent.get("start")).get("toolUse")):
                    calls[index] = answer.open_call()
                    answer.name_call(calls[index], tool.get("name"))
            case "contentBlockDelta":
                yield from _read_delta(as_object(sent.get("delta")), calls.get(index, -1), answer)
            case "messageStop":
                reason = str(sent.get("stopReason"))
                if reason.startswith("malformed_"):
                    raise answer.broken("reports that the model wrote something malformed")
                answer.finish(_REASONS.get(reason, "stop"))
            case "metadata":
                answer.usage = _usage(as_object(sent.get("usage")))
    yield from answer.end()


def _read_delta(delta: dict[str, Any], call: int, answer: Answer) -> Iterator[Event]:
    yield from answer.add_reasoning(as_object(delta.get("reasoningContent")).get("text"))
    yield from answer.add_text(delta.get("text"))
    if call >= 0:
        answer.add_arguments(call, as_object(delta.get("toolUse")).get("input"))


def _iter_messages(chunks: Iterable[bytes], answer: Answer) -> Iterator[EventStreamMessage]:
    """Each message as soon as it is whole; botocore checks both of its checksums."""
    buffer = EventStreamBuffer()
    waiting = 0
    for chunk in chunks:
        buffer.add_data(chunk)
        waiting += len(chunk)
        try:
            for message in buffer:
                waiting = 0
                yield message
        # Headers whose checksum is right may still be nonsense, of which botocore knows nothing.
        except (ParserError, KeyError, UnicodeDecodeError, struct.error):
            raise answer.broken("sent something that is no AWS event stream") from None
        if waiting > MAX_EVENT_BYTES:
            raise answer.broken(f"sent an event of more than {MAX_EVENT_BYTES} bytes")


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        input_tokens=as_tokens(usage.get("inputTokens")),
        output_tokens=as_tokens(usage.get("outputTokens")),
        cache_read_tokens=as_tokens(usage.get("cacheReadInputTokens")),
        cache_creation_tokens=as_tokens(usage.get("cacheWriteInputTokens")),
    )


def _tool(tool: ToolSpec) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description.strip() else {}
    schema = {"json": sendable_schema(tool.input_schema)}
    return {"name": sendable_name(tool.name), **described, "inputSchema": schema}


def _blocks(parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
    """Blank text is refused, and says nothing."""
    for part in parts:
        if isinstance(part, TextPart):
            if part.text.strip():
                yield {"text": part.text}
        elif isinstance(part, ImagePart):
            yield _image(part)
        elif isinstance(part, ToolCallPart):
            yield {
                "toolUse": {
                    "toolUseId": part.id,
                    "name": sendable_name(part.name),
                    "input": sendable_arguments(part),
                }
            }
        else:
            content = [{"text": result_text(part)}, *(_image(image) for image in part.images)]
            status = "error" if part.is_error else "success"
            result = {"toolUseId": part.tool_call_id, "content": content, "status": status}
            yield {"toolResult": result}


def _image(image: ImagePart) -> dict[str, Any]:
    if image.media_type not in IMAGE_TYPES:
        return {"text": unseen(image)}
    data = {"bytes": to_base64(image.data)}
    return {"image": {"format": image.media_type.removeprefix("image/"), "source": data}}

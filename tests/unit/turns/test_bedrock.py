import json
import struct
import zlib
from dataclasses import replace
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from chalicelib.egress import Egress
from chalicelib.turns.providers import (
    Finished,
    ImagePart,
    ModelAnswerError,
    ModelClient,
    ModelCredentialsError,
    ModelError,
    ModelRateLimitedError,
    ModelRejectedError,
    ModelTarget,
    ModelTimeoutError,
    ModelUnavailableError,
    PromptMessage,
    ProviderKind,
    TextDelta,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
    Usage,
)
from tests.support.loopback import Connection
from tests.unit.turns.conftest import (
    KEY,
    UNTOLD,
    Models,
    ask_for,
    frame,
    raw_frame,
    reasoning_of,
    stream,
    text_of,
)

EVENTS = "application/vnd.amazon.eventstream"
USAGE = {
    "inputTokens": 7,
    "outputTokens": 9,
    "totalTokens": 16,
    "cacheReadInputTokens": 5,
    "cacheWriteInputTokens": 3,
}


def delta(index: int, **fields: Any) -> bytes:
    return frame("contentBlockDelta", {"contentBlockIndex": index, "delta": fields, "p": "abc"})


def tool(index: int, name: str) -> bytes:
    start = {"toolUse": {"toolUseId": "tooluse_1", "name": name}}
    return frame("contentBlockStart", {"contentBlockIndex": index, "start": start})


def stop(reason: str) -> bytes:
    return frame("messageStop", {"stopReason": reason})


METADATA = frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}})
ANSWER = (
    frame("messageStart", {"role": "assistant"})
    + delta(0, reasoningContent={"text": "Hm."})
    + delta(0, reasoningContent={"signature": "c2ln"})
    + delta(1, text="Grüße ")
    + frame("aNewEvent", {})
    + delta(1, text="😀")
    + frame("contentBlockStop", {"contentBlockIndex": 1})
    + tool(2, "weather")
    + delta(2, toolUse={"input": '{"city": '})
    + tool(3, "now")
    + delta(2, toolUse={"input": '"Köln"}'})
    + stop("tool_use")
    + METADATA
)
WHOLE = stream(stop("end_turn"), 0, EVENTS)


@pytest.mark.parametrize("size", [1, 7, 0])
def test_an_event_stream_is_read_wherever_the_network_cuts_it(bedrock: Models, size: int) -> None:
    events = bedrock.ask(stream(ANSWER, size, EVENTS))
    assert (reasoning_of(events), text_of(events)) == ("Hm.", "Grüße 😀")
    calls = [(each.name, each.arguments) for each in events if isinstance(each, ToolCallPart)]
    assert calls == [("weather", '{"city": "Köln"}'), ("now", "{}")]
    assert events[-1] == Finished("tool_calls", Usage(7, 9, 0, 5, 3))


def test_a_piece_is_told_before_the_next_has_come(bedrock: Models) -> None:
    def begin(connection: Connection, _: bytes) -> None:
        connection.send(stream(delta(0, text="Hi"), 0, EVENTS)[:-5])
        connection.hang()

    target = bedrock.serve(begin)
    events = bedrock.client.stream(target, ask_for(), 5.0)
    assert next(events) == TextDelta("Hi")
    events.close()


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("a_new_reason", "stop"),
    ],
)
def test_why_the_model_stopped_is_told(bedrock: Models, reason: str, told: str) -> None:
    (finished,) = bedrock.ask(stream(stop(reason), 0, EVENTS))
    assert isinstance(finished, Finished)
    assert finished.reason == told


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("throttlingException", ModelRateLimitedError),
        ("modelStreamErrorException", ModelUnavailableError),
        ("internalServerException", ModelUnavailableError),
        ("serviceUnavailableException", ModelUnavailableError),
        ("modelTimeoutException", ModelTimeoutError),
        ("validationException", ModelRejectedError),
    ],
)
def test_an_exception_in_the_stream_is_told_by_its_kind(
    bedrock: Models, code: str, error: type[ModelError]
) -> None:
    sent = frame(code, {"message": UNTOLD}, "exception")
    with pytest.raises(error) as caught:
        bedrock.ask(stream(delta(0, text="Hi") + sent, 0, EVENTS))
    assert caught.type is error
    assert UNTOLD not in repr(caught.value)


def test_an_error_message_in_the_stream_ends_it(bedrock: Models) -> None:
    sent = frame("InternalFailure", {}, "error")
    with pytest.raises(ModelUnavailableError):
        bedrock.ask(stream(sent, 0, EVENTS))


NAMELESS = raw_frame(b"\x01x\x63", b"{}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        ANSWER[: -len(METADATA) - 50],
        stop("malformed_tool_use"),
        b"data: {}\n\n" * 10,
        delta(0, text="Hi")[:-1] + b"\0",
        NAMELESS,
        raw_frame(b"\x01\xff\x00", b"{}"),
        raw_frame(b"\x05x", b"{}"),
        frame("messageStop", [1]),
    ],
)
def test_half_an_answer_and_nonsense_are_no_answer(bedrock: Models, body: bytes) -> None:
    with pytest.raises(ModelAnswerError):
        bedrock.ask(stream(body, 0, EVENTS))


def test_a_frame_without_end_is_not_collected_for_ever(bedrock: Models) -> None:
    endless = struct.pack("!II", 5 * 1024 * 1024, 0)
    body = endless + struct.pack("!I", zlib.crc32(endless)) + b"x" * 4_300_000
    with pytest.raises(ModelAnswerError, match="an event of more than 4194304 bytes"):
        bedrock.ask(stream(body, 65536, EVENTS))


def test_the_request_is_a_converse_request_with_the_key(bedrock: Models) -> None:
    model = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.a-model-v1:0"
    offered = (ToolSpec("t", "A tool.", {"required": None}), ToolSpec("u", " ", {}))
    request = ask_for(model=model, system="Be brief.", tools=offered, max_output_tokens=50)
    bedrock.ask(WHOLE, request)
    assert bedrock.raw.startswith(
        b"POST /v1/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3A"
        b"inference-profile%2Feu.a-model-v1%3A0/converse-stream HTTP/1.1\r\n"
    )
    assert bedrock.headers["authorization"] == f"Bearer {KEY}"
    empty = {"type": "object", "properties": {}}
    described = {
        "name": "t",
        "description": "A tool.",
        "inputSchema": {"json": {**empty, "required": []}},
    }
    assert bedrock.body == {
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 50},
        "toolConfig": {
            "tools": [
                {"toolSpec": described},
                {"toolSpec": {"name": "u", "inputSchema": {"json": empty}}},
            ]
        },
    }


def test_results_are_the_users_and_hold_their_images(bedrock: Models) -> None:
    picture = ImagePart("image/jpeg", b"jpg")
    request = ask_for(
        PromptMessage("user", (TextPart("Look"), picture, ImagePart("image/tiff", b"t"))),
        PromptMessage("assistant", (TextPart(""), ToolCallPart("c1", "a", '{"n": 1}'))),
        PromptMessage("tool", (ToolResultPart("c1", "a", "no", is_error=True, images=(picture,)),)),
        PromptMessage("user", (TextPart("And?"),)),
    )
    image = {"image": {"format": "jpeg", "source": {"bytes": "anBn"}}}
    unseen = {"text": "(An image of type image/tiff, which cannot be shown to the model.)"}
    result = {"toolUseId": "c1", "content": [{"text": "no"}, image], "status": "error"}
    body = bedrock.sent_for(request, WHOLE)
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "Look"}, image, unseen]},
        {
            "role": "assistant",
            "content": [{"toolUse": {"toolUseId": "c1", "name": "a", "input": {"n": 1}}}],
        },
        {"role": "user", "content": [{"toolResult": result}, {"text": "And?"}]},
    ]
    assert [each["toolSpec"]["name"] for each in body["toolConfig"]["tools"]] == ["a"]


class Role:
    """Credentials as botocore's sessions give them."""

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return ReadOnlyCredentials("AKID", "sentinel", "session", None)


def signed_by(credentials: Role | None, target: ModelTarget) -> list[httpx.Request]:
    """What is sent without a key."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=stop("end_turn"))

    client = ModelClient(Egress(transport=httpx.MockTransport(answer)), lambda: credentials)
    list(client.stream(target, ask_for(model="eu.a-model-v1:0"), 5.0))
    return sent


ROLE_TARGET = ModelTarget(ProviderKind.BEDROCK, region="eu-central-1")


def test_without_a_key_the_request_is_signed_with_our_role() -> None:
    (request,) = signed_by(Role(), ROLE_TARGET)
    assert str(request.url) == (
        "https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.a-model-v1%3A0/converse-stream"
    )
    authorization = request.headers["authorization"]
    day = request.headers["x-amz-date"][:8]
    assert authorization.startswith(
        f"AWS4-HMAC-SHA256 Credential=AKID/{day}/eu-central-1/bedrock/aws4_request, SignedHeaders="
        "accept;content-type;host;x-amz-date;x-amz-security-token, Signature="
    )
    assert request.headers["x-amz-security-token"] == "session"
    assert authorization.endswith(f"Signature={signature_of(request)}")
    assert json.loads(request.content)["messages"]


def signature_of(request: httpx.Request) -> str:
    """What AWS would compute from what it was sent."""
    names = ("accept", "content-type", "host", "x-amz-date", "x-amz-security-token")
    headers = {name: request.headers[name] for name in names}
    seen = AWSRequest(request.method, str(request.url), headers, request.content)
    seen.context["timestamp"] = request.headers["x-amz-date"]
    signer = SigV4Auth(Role().get_frozen_credentials(), "bedrock", "eu-central-1")
    canonical = signer.canonical_request(seen)
    return signer.signature(signer.string_to_sign(seen, canonical), seen)


@pytest.mark.parametrize(
    "url",
    [
        "https://bedrock.example",
        "https://amazonaws.com.example",
        "https://evilamazonaws.com",
        "https://abc.execute-api.eu-central-1.amazonaws.com",
        "http://bedrock-runtime.eu-central-1.amazonaws.com",
    ],
)
def test_only_aws_is_sent_what_our_role_signs(url: str) -> None:
    with pytest.raises(ModelRejectedError, match="must be AWS's own"):
        signed_by(Role(), replace(ROLE_TARGET, base_url=url))


def test_a_deployment_without_credentials_says_so() -> None:
    with pytest.raises(ModelCredentialsError, match="no AWS credentials"):
        signed_by(None, ROLE_TARGET)


@pytest.mark.parametrize("region", ["", "eu.example.com/", "EU"])
def test_a_region_that_is_none_is_refused(region: str) -> None:
    with pytest.raises(ModelRejectedError, match="AWS region"):
        signed_by(Role(), replace(ROLE_TARGET, region=region))

from typing import Any

import pytest

from chalicelib.turns.providers import (
    Event,
    Finished,
    ImagePart,
    ModelAnswerError,
    ModelCredentialsError,
    ModelError,
    ModelRateLimitedError,
    ModelRejectedError,
    ModelTarget,
    ModelUnavailableError,
    PromptMessage,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
    Usage,
)
from tests.unit.turns.conftest import (
    KEY,
    UNTOLD,
    Models,
    ask_for,
    reasoning_of,
    stream,
    text_of,
    typed,
)

START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "role": "assistant",
        "content": [],
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 200,
            "cache_read_input_tokens": 3000,
            "output_tokens": 1,
        },
    },
}
STOP = {"type": "message_stop"}
CACHED = {"cache_control": {"type": "ephemeral"}}


def block(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": fields}


def delta(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def end(reason: str, **usage: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": 15, "input_tokens": None, **usage},
    }


WHOLE = stream(typed(START, end("end_turn"), STOP))
ANSWER = typed(
    START,
    block(0, type="thinking", thinking="", signature=""),
    {"type": "ping"},
    delta(0, type="thinking_delta", thinking="Hm, "),
    delta(0, type="thinking_delta", thinking="so."),
    delta(0, type="signature_delta", signature="c2ln"),
    {"type": "content_block_stop", "index": 0},
    block(1, type="text", text=""),
    delta(1, type="text_delta", text="Grüße 😀"),
    delta(1, type="citations_delta", citation={}),
    {"type": "a_new_event", "index": 1},
    block(2, type="tool_use", id="toolu_1", name="weather", input={}),
    delta(2, type="input_json_delta", partial_json=""),
    delta(2, type="input_json_delta", partial_json='{"city": "K'),
    delta(2, type="input_json_delta", partial_json='öln"}'),
    block(3, type="server_tool_use", id="srvtoolu_1", name="web_search", input={}),
    delta(3, type="input_json_delta", partial_json='{"query": "x"}'),
    block(4, type="tool_use", id="toolu_2", name="now", input={}),
    end("tool_use"),
    STOP,
)


@pytest.mark.parametrize("size", [1, 7, 0])
def test_thinking_text_and_tools_are_read_wherever_the_network_cuts(
    anthropic: Models, size: int
) -> None:
    body = ANSWER.replace(b"\\ud83d\\ude00", "😀".encode()).replace(b"\\u00f6", "ö".encode())
    events = anthropic.ask(stream(body, size))
    assert (reasoning_of(events), text_of(events)) == ("Hm, so.", "Grüße 😀")
    assert calls_of(events) == [("weather", '{"city": "Köln"}'), ("now", "{}")]
    assert events[-1] == Finished("tool_calls", Usage(10, 15, 0, 3000, 200))


def calls_of(events: list[Event]) -> list[tuple[str, str]]:
    return [(each.name, each.arguments) for each in events if isinstance(each, ToolCallPart)]


def test_usage_that_is_told_again_replaces_the_first(anthropic: Models) -> None:
    events = anthropic.ask(stream(typed(START, end("end_turn", input_tokens=12), STOP)))
    assert events == [Finished("stop", Usage(12, 15, 0, 3000, 200))]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
    ],
)
def test_why_the_model_stopped_is_told(anthropic: Models, reason: str, told: str) -> None:
    (finished,) = anthropic.ask(stream(typed(START, end(reason), STOP)))
    assert isinstance(finished, Finished)
    assert finished.reason == told


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", ModelUnavailableError),
        ("api_error", ModelUnavailableError),
        ("rate_limit_error", ModelRateLimitedError),
        ("authentication_error", ModelCredentialsError),
        ("invalid_request_error", ModelRejectedError),
        ("a_new_error", ModelUnavailableError),
    ],
)
def test_an_error_in_the_middle_of_the_stream_is_told_by_its_kind(
    anthropic: Models, kind: str, error: type[ModelError]
) -> None:
    sent = {"type": "error", "error": {"type": kind, "message": UNTOLD}}
    with pytest.raises(error) as caught:
        anthropic.ask(stream(typed(START, delta(0, type="text_delta", text="Hi"), sent)))
    assert caught.type is error
    assert UNTOLD not in repr(caught.value)


@pytest.mark.parametrize("body", [typed(START), typed(START, STOP), ANSWER[:-200]])
def test_half_an_answer_is_none(anthropic: Models, body: bytes) -> None:
    with pytest.raises(ModelAnswerError):
        anthropic.ask(stream(body))


def test_the_request_names_the_version_and_a_limit_and_marks_what_to_cache(
    anthropic: Models,
) -> None:
    tool = ToolSpec("t", "A tool.", {"required": None})
    anthropic.ask(WHOLE, ask_for(system="Be brief.", tools=(tool,)))
    assert anthropic.raw.startswith(b"POST /v1/messages ")
    assert anthropic.headers["x-api-key"] == KEY
    assert anthropic.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in anthropic.headers
    schema = {"type": "object", "properties": {}, "required": []}
    assert anthropic.body == {
        "model": "a-model",
        "max_tokens": 8192,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"} | CACHED]}],
        "stream": True,
        "system": [{"type": "text", "text": "Be brief."} | CACHED],
        "tools": [{"name": "t", "description": "A tool.", "input_schema": schema}],
    }


def test_the_base_url_may_leave_out_the_version(anthropic: Models) -> None:
    target = anthropic.serve(WHOLE)
    bare = ModelTarget(target.kind, target.base_url.removesuffix("v1"), KEY)
    list(anthropic.client.stream(bare, ask_for(max_output_tokens=99), 5.0))
    assert anthropic.raw.startswith(b"POST /v1/messages ")
    assert anthropic.body["max_tokens"] == 99


def test_results_are_the_users_and_hold_their_images(anthropic: Models) -> None:
    request = ask_for(
        PromptMessage("assistant", (TextPart("Earlier."),)),
        PromptMessage("user", (TextPart("Look"), TextPart(" "))),
        PromptMessage("user", (ImagePart("image/png", b"png"),)),
        PromptMessage("assistant", (TextPart(" "), ToolCallPart("c1", "a b", "[]"))),
        PromptMessage("assistant", (ToolCallPart("c2", "b", '{"n": 1}'),)),
        PromptMessage(
            "tool", (ToolResultPart("c1", "a b", "", images=(ImagePart("image/png", b"png"),)),)
        ),
        PromptMessage("tool", (ToolResultPart("c2", "b", "no", is_error=True),)),
        PromptMessage("user", (TextPart("And?"),)),
    )
    source = {"type": "base64", "media_type": "image/png", "data": "cG5n"}
    image = {"type": "image", "source": source}
    body = anthropic.sent_for(request, WHOLE)
    assert body["messages"] == [
        {"role": "user", "content": [text("(The conversation began earlier.)")]},
        {"role": "assistant", "content": [text("Earlier.")]},
        {"role": "user", "content": [text("Look"), image]},
        {
            "role": "assistant",
            "content": [
                {
                    "type": "tool_use",
                    "id": "c1",
                    "name": "a_b",
                    "input": {"invalid_arguments": "[]"},
                },
                {"type": "tool_use", "id": "c2", "name": "b", "input": {"n": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c1",
                    "content": [text("(no output)"), image],
                    "is_error": False,
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "c2",
                    "content": [text("no")],
                    "is_error": True,
                },
                text("And?") | CACHED,
            ],
        },
    ]


def text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def test_tools_of_the_past_stay_defined_and_are_not_to_be_called(anthropic: Models) -> None:
    request = ask_for(
        PromptMessage("assistant", (ToolCallPart("c1", "gone", "{}"),)),
        PromptMessage("tool", (ToolResultPart("c1", "gone", "x"),)),
    )
    body = anthropic.sent_for(request, WHOLE)
    assert [tool["name"] for tool in body["tools"]] == ["gone"]
    assert body["tool_choice"] == {"type": "none"}

from typing import Any

import pytest

from chalicelib.turns.providers import (
    Event,
    Finished,
    ImagePart,
    ModelAnswerError,
    ModelRequest,
    ModelUnavailableError,
    PromptMessage,
    TextDelta,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
    Usage,
)
from tests.unit.turns.conftest import (
    KEY,
    Models,
    ask_for,
    data,
    reasoning_of,
    stream,
    text_of,
)


def delta(reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": fields, "logprobs": None, "finish_reason": reason}],
        "usage": None,
    }


def call(index: int | None, name: str | None, arguments: str, call_id: str = "") -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": arguments}
    built: dict[str, Any] = {"type": "function", "function": function}
    if index is not None:
        built["index"] = index
    if name is not None:
        function["name"] = name
    if call_id:
        built["id"] = call_id
    return built


USAGE = {
    "choices": [],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
}
WHOLE = stream(data(delta(content="Hi"), delta("stop"), USAGE, "[DONE]"))


def calls_of(events: list[Event]) -> list[tuple[str, str]]:
    return [(each.name, each.arguments) for each in events if isinstance(each, ToolCallPart)]


@pytest.mark.parametrize("size", [1, 7, 0])
def test_text_is_read_wherever_the_network_cuts_it(openai: Models, size: int) -> None:
    body = data(
        delta(role="assistant", content=""),
        delta(content="Ünïcode 😀 "),
        delta(content="and\nlines"),
        delta("stop"),
        USAGE,
        "[DONE]",
    ).replace(b"\\ud83d\\ude00", "😀".encode())
    events = openai.ask(stream(b": comment\n\n" + body, size))
    assert text_of(events) == "Ünïcode 😀 and\nlines"
    assert events[-1] == Finished("stop", Usage(36, 20, 5, 64, 0))
    usage = events[-1].usage
    assert usage.prompt_tokens == 100


def test_the_request_carries_the_key_and_asks_for_usage(openai: Models) -> None:
    openai.ask(WHOLE, ask_for(system="Be brief.", max_output_tokens=50))
    assert openai.raw.startswith(b"POST /v1/chat/completions ")
    assert openai.headers["authorization"] == f"Bearer {KEY}"
    assert openai.body == {
        "model": "a-model",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 50,
    }


def test_tool_calls_are_put_together_by_their_index(openai: Models) -> None:
    events = openai.ask(
        stream(
            data(
                delta(content=None, tool_calls=[call(0, "weather", "", "a")]),
                delta(tool_calls=[call(0, None, '{"city": '), call(1, "time", "", "b")]),
                delta(tool_calls=[call(1, None, "{}")]),
                delta(tool_calls=[call(0, None, '"Köln"}')]),
                delta("tool_calls"),
                "[DONE]",
            )
        )
    )
    assert calls_of(events) == [("weather", '{"city": "Köln"}'), ("time", "{}")]
    assert events[-1] == Finished("tool_calls", Usage())
    ids = {each.id for each in events if isinstance(each, ToolCallPart)}
    assert len(ids) == 2
    assert all(each.startswith("call_") and len(each) <= 40 for each in ids)


@pytest.mark.parametrize("index", [0, None])
def test_servers_that_give_all_calls_one_index_are_understood(
    openai: Models, index: int | None
) -> None:
    calls = [call(index, "a", '{"n": 1}', "x"), call(index, "b", "", "y")]
    events = openai.ask(stream(data(delta(tool_calls=calls), delta("stop"))))
    assert calls_of(events) == [("a", '{"n": 1}'), ("b", "{}")]
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "tool_calls"


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_calls_in_an_answer_that_was_cut_off_are_not_made(openai: Models, reason: str) -> None:
    calls = [call(0, "delete", '{"all": tr', "x")]
    events = openai.ask(stream(data(delta(content="I", tool_calls=calls), delta(reason))))
    assert events == [TextDelta("I"), Finished(reason, Usage())]  # type: ignore[arg-type]


def test_a_refusal_is_text_that_was_filtered(openai: Models) -> None:
    events = openai.ask(stream(data(delta(refusal="I can't."), delta("stop"), "[DONE]")))
    assert events == [TextDelta("I can't."), Finished("content_filter", Usage())]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_told_apart(openai: Models, name: str) -> None:
    events = openai.ask(stream(data(delta(**{name: "Hm."}), delta(content="Yes."), delta("stop"))))
    assert (reasoning_of(events), text_of(events)) == ("Hm.", "Yes.")


def test_a_character_in_two_halves_becomes_one_and_a_half_one_none(openai: Models) -> None:
    events = openai.ask(
        stream(
            data(
                delta(content="a\ud83d"),
                delta(content="\ude00b"),
                delta(content="\udc00"),
                delta("stop"),
            )
        )
    )
    assert text_of(events) == "a😀b\ufffd"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        data(delta(content="Hi")),
        data(delta(content="Hi"), "[DONE]"),
        data(delta(content="Hi"), "{"),
        data(delta(content="Hi"), [1]),
        data(delta(content="Hi"), '{"a": NaN}'),
        data(delta(content={"text": "Hi"}), delta("stop")),
        data(delta(tool_calls=[call(0, None, "{}")]), delta("tool_calls")),
        data(delta(tool_calls=[call(0, "n" * 257, "{}")]), delta("tool_calls")),
        data(delta(tool_calls=[call(n, "a", "", "") for n in range(129)]), delta("stop")),
        data(*[delta(content="x" * 500_000)] * 5, delta("stop")),
        data(*[delta(tool_calls=[call(0, "a", "x" * 500_000)])] * 5, delta("stop")),
        b"data: " + b"x" * 4_200_000,
    ],
)
def test_half_an_answer_nonsense_and_too_much_are_no_answer(openai: Models, body: bytes) -> None:
    with pytest.raises(ModelAnswerError) as caught:
        openai.ask(stream(body))
    assert (caught.value.kind, caught.value.retryable) == ("broken_answer", True)


def test_unknown_and_odd_members_are_passed_over(openai: Models) -> None:
    body = data(
        {"choices": None},
        {"choices": ["x"]},
        {"choices": [{"delta": None}], "new": {}},
        {"choices": [], "usage": {"prompt_tokens": "many", "completion_tokens": -1}},
        delta("a_new_reason", content="Hi", annotations=[]),
    )
    assert openai.ask(stream(body)) == [TextDelta("Hi"), Finished("stop", Usage())]


def test_an_error_inside_the_stream_ends_it(openai: Models) -> None:
    error = {"error": {"message": "sentinel-upstream-text", "code": 502}}
    with pytest.raises(ModelUnavailableError) as caught:
        openai.ask(stream(data(delta(content="Hi"), error)))
    assert "sentinel" not in str(caught.value)
    assert caught.value.status_code is None


def conversation() -> ModelRequest:
    picture = ImagePart("image/png", b"png")
    return ask_for(
        PromptMessage("user", (TextPart("Look"), picture, ImagePart("image/tiff", b"t"))),
        PromptMessage(
            "assistant",
            (
                TextPart("I do."),
                ToolCallPart("c1", "a", '{"n": 1}'),
                ToolCallPart("c2", "b b", "{"),
            ),
        ),
        PromptMessage("tool", (ToolResultPart("c1", "a", "one", images=(picture,)),)),
        PromptMessage("tool", (ToolResultPart("c2", "b b", "", is_error=True),)),
        PromptMessage("assistant", ()),
        PromptMessage("user", (TextPart("And?"),)),
    )


def test_images_of_results_follow_the_last_result(openai: Models) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}}
    intro = "Images of the result of a (c1):"
    assert openai.sent_for(conversation(), WHOLE)["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                image,
                {
                    "type": "text",
                    "text": "(An image of type image/tiff, which cannot be shown to the model.)",
                },
            ],
        },
        {
            "role": "assistant",
            "content": "I do.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "a", "arguments": '{"n":1}'},
                },
                {
                    "id": "c2",
                    "type": "function",
                    "function": {"name": "b_b", "arguments": '{"invalid_arguments":"{"}'},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "Error: (no output)"},
        {"role": "user", "content": [{"type": "text", "text": intro}, image]},
        {"role": "user", "content": "And?"},
    ]


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({}, {"type": "object", "properties": {}}),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": None},
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": []},
        ),
        (
            {
                "properties": {"a": {"required": None, "default": {"required": None}}},
                "required": ["a"],
            },
            {
                "type": "object",
                "properties": {"a": {"required": [], "default": {"required": None}}},
                "required": ["a"],
            },
        ),
        (
            {"anyOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}, 1]},
            {"type": "object", "properties": {"a": {}, "b": {}}},
        ),
        ({"type": ["object", "null"], "properties": None}, {"type": "object", "properties": {}}),
    ],
)
def test_tools_are_offered_with_schemas_that_every_api_takes(
    openai: Models, schema: dict[str, Any], sent: dict[str, Any]
) -> None:
    tool = ToolSpec("srv__tool", "d" * 2000, schema)
    body = openai.sent_for(ask_for(tools=(tool,)), WHOLE)
    function = {"name": "srv__tool", "description": "d" * 1024, "parameters": sent}
    assert body["tools"] == [{"type": "function", "function": function}]

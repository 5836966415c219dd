"""What a model is shown of a chat."""

from collections.abc import Sequence

from chalicelib.chats.models import Message, Visibility
from chalicelib.sdk.chats import (
    File,
    Media,
    MessageRole,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from chalicelib.turns.prompt import build_messages, select
from chalicelib.turns.providers.models import (
    ImagePart,
    PromptMessage,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from tests.support.histories import answer, chat, message, results, summary, told, user

FILE = "00000000-0000-4000-8000-000000000001"


def read_file(file_id: str) -> tuple[str, bytes] | None:
    return ("image/png", b"png") if file_id == FILE else None


def ids(messages: Sequence[Message]) -> list[int]:
    return [each.id for each in messages]


def build(*messages: Message) -> list[PromptMessage]:
    return list(build_messages(messages, read_file))


def test_what_an_edit_took_away_and_what_only_people_see_is_left_out() -> None:
    event = message(3, MessageRole.SYSTEM, Text(text="x"), visibility=Visibility.USER)
    history = [user(1), answer(2), event, user(4), user(5)]
    assert ids(select(chat(hidden=((2, 2), (4, 4))), history)) == [1, 5]


def test_a_summary_stands_for_what_it_covers() -> None:
    history = [told(0), user(1), answer(2), user(3), answer(4), summary(5, 2), user(6)]
    assert ids(select(chat(), history)) == [5, 3, 4, 6]


def test_of_two_summaries_the_last_counts_and_of_a_hidden_one_nothing_does() -> None:
    history = [user(1), answer(2), summary(3, 2), user(4), answer(5), summary(6, 5), user(7)]
    assert ids(select(chat(), history)) == [6, 7]
    assert ids(select(chat(hidden=((4, 7),)), history)) == [3]
    assert ids(select(chat(hidden=((3, 7),)), history)) == [1, 2]


def test_a_conversation_is_told_in_its_order() -> None:
    built = build(user(1, "a"), answer(2, "b", 0, "c1"), results(3, "c1"), answer(4, "d"))
    assert built == [
        PromptMessage("user", (TextPart("a"),)),
        PromptMessage("assistant", (TextPart("b"), ToolCallPart("c1", "t__x", '{"q": "c1"}'))),
        PromptMessage("tool", (ToolResultPart("c1", "t__x", "r-c1", is_error=False),)),
        PromptMessage("assistant", (TextPart("d"),)),
    ]


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    for later in ([], [user(3)], [answer(3)], [results(3, "c1")]):
        built = build(user(1), answer(2, "b", 0, "c1", "c2"), *later)
        answered = [
            part.tool_call_id
            for each in built
            for part in each.parts
            if isinstance(part, ToolResultPart)
        ]
        assert sorted(answered) == ["c1", "c2"], later
        assert [each.role for each in built[:3]] == ["user", "assistant", "tool"]


def test_a_result_without_its_call_is_left_out() -> None:
    assert [each.role for each in build(user(1), results(2, "c9"), answer(3))] == [
        "user",
        "assistant",
    ]
    twice = build(user(1), answer(2, "b", 0, "c1"), results(3, "c1"), results(4, "c1"))
    assert [each.role for each in twice] == ["user", "assistant", "tool"]


def test_images_are_shown_and_deleted_ones_mentioned() -> None:
    gone = FILE.replace("1", "2")
    said = message(
        1,
        MessageRole.USER,
        File(file_id=FILE, media_type="image/png"),
        File(file_id=gone, media_type="image/png"),
    )
    [built] = build(said)
    assert built.parts == (
        ImagePart("image/png", b"png"),
        TextPart("[an image that is missing]"),
    )


def test_images_of_results_are_shown() -> None:
    result = ToolResult(
        tool_call_id="c1",
        tool_name="t__x",
        result="look",
        is_media=True,
        media=[Media(media_type="image/png", data="cG5n")],
    )
    built = build(user(1), answer(2, "b", 0, "c1"), message(3, MessageRole.TOOL, result))
    [part] = built[2].parts
    assert isinstance(part, ToolResultPart)
    assert part.images == (ImagePart("image/png", b"png"),)


def test_reasoning_and_system_messages_are_not_shown_again() -> None:
    thought = message(2, MessageRole.ASSISTANT, Reasoning(text="hm"))
    assert [each.role for each in build(told(0), user(1), thought)] == ["user"]


def test_a_call_is_shown_as_its_model_should_have_written_it() -> None:
    intended = ToolCall(tool_call_id="c1", tool_name="t__x", args={"q": 1}, intent="look")
    broken = ToolCall(tool_call_id="c2", tool_name="t__x", args='{"half": ')
    _, asked, _ = build(user(1), message(2, MessageRole.ASSISTANT, intended, broken))
    texts = [part.arguments for part in asked.parts if isinstance(part, ToolCallPart)]
    assert texts == ['{"model_intent": "look", "properties": {"q": 1}}', '{"half": ']

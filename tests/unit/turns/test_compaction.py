"""When a conversation is condensed, and what of it."""

from datetime import datetime

from chalicelib.chat_models.models import ModelConfig
from chalicelib.chats.models import Message
from chalicelib.turns.compaction import build_request, find_end, is_due
from chalicelib.turns.prompt import select
from chalicelib.turns.providers.models import TextPart
from tests.support.histories import NOW, answer, chat, results, summary, told, user


def model(now: datetime = NOW) -> ModelConfig:
    """One with room for 1,000 tokens, of which 700 are enough."""
    return ModelConfig(
        id="m",
        provider_id="p",
        model="gpt",
        display_name="M",
        enabled=True,
        is_default=True,
        context_limit=1000,
        compression_threshold=70,
        max_output_tokens=None,
        input_price=0,
        output_price=0,
        cache_read_price=None,
        cache_creation_price=None,
        created_by="u",
        updated_by="u",
        created_at=now,
        updated_at=now,
    )


def shown(*messages: Message) -> list[Message]:
    return select(chat(), messages)


def test_it_is_due_once_the_last_prompt_was_long() -> None:
    assert not is_due(shown(user(1), answer(2, "a", 699), user(3)), model())
    assert is_due(shown(user(1), answer(2, "a", 700), user(3)), model())
    assert not is_due(shown(user(1)), model())


def test_what_came_since_the_user_last_spoke_stays_as_it_is() -> None:
    history = [user(1), answer(2), user(3), answer(4, "a", 900, "c1"), results(5, "c1")]
    assert find_end(history) == 2


def test_a_single_long_turn_is_condensed_as_a_whole() -> None:
    history = [user(1), answer(2, "a", 900, "c1"), results(3, "c1")]
    assert find_end(history) == 3
    assert find_end([told(0), *history]) == 3


def test_a_single_message_cannot_be_condensed() -> None:
    for history in ([user(1)], [told(0), user(1)], [summary(2, 1)], [summary(2, 1), user(3)]):
        assert find_end(history) is None, history


def test_a_summary_is_not_due_again_for_what_was_answered_before_it() -> None:
    """Within a turn: the last long answer stays, and stands behind the summary."""
    turn = [user(3), answer(4, "a", 900, "c1"), results(5, "c1")]
    history = shown(user(1), answer(2), *turn, summary(6, 2, tokens=800))
    assert [each.id for each in history] == [6, 3, 4, 5]
    assert not is_due(history, model())
    later = shown(user(1), answer(2), *turn, summary(6, 2, tokens=800), answer(7, "b", 750, "c2"))
    assert is_due([*later, results(8, "c2")], model())


def test_the_request_covers_the_earlier_summary_and_what_came_since() -> None:
    history = shown(user(1), answer(2), summary(3, 2, "earlier"), user(4), answer(5), user(6))
    request = build_request(history, 5, model(), lambda _: None)
    texts = [part.text for each in request.messages for part in each.parts]  # type: ignore[union-attr]
    assert texts[0].endswith("earlier")
    assert texts[1:] == ["hello", "hi", "Summarise the conversation above."]
    assert request.tools == ()
    assert isinstance(request.messages[-1].parts[0], TextPart)

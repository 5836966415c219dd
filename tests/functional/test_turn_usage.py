"""What a turn costs, counted while it goes on."""

from collections.abc import Iterator

import pytest

from tests.support.chats import CHATS, text
from tests.support.journey import World
from tests.support.tables import table_items
from tests.support.turns import Talk, talking

LIMITS = f"{CHATS}/usage-limits"


@pytest.fixture
def talk(world: World) -> Iterator[Talk]:
    """Somebody to talk to, for a dollar a thousand tokens."""
    with talking(world, input_price=10**9, output_price=10**9) as talk:
        yield talk


def test_what_messages_cost_adds_up_in_the_chat_the_month_and_the_model(talk: Talk) -> None:
    chat_id, _ = talk.ask("What is open?")
    talk.say(chat_id, "And what is closed?")
    talk.run(chat_id)
    used = [each["usage"] for each in talk.messages(chat_id) if "usage" in each]
    cost = sum(each["cost_micros"] for each in used)
    assert len(used) == 2
    assert cost > 0
    total = talk.client.get(f"{CHATS}/cost/chats/{chat_id}").json()
    assert (total["messages"], total["cost_micros"]) == (2, cost)
    assert total["input_tokens"] == sum(each["input_tokens"] for each in used)
    summary = talk.client.get(f"{CHATS}/cost/me/summary").json()
    assert summary["total"] == total
    assert summary["by_model"] == [{**total, "model_config_id": talk.model_id}]
    assert talk.client.get(f"{LIMITS}/status").json()["spent_micros"] == cost


def test_a_hint_that_comes_again_counts_nothing(talk: Talk) -> None:
    chat_id, _ = talk.ask("What is open?")
    before = talk.client.get(f"{LIMITS}/status").json()
    talk.step(chat_id)
    assert talk.client.get(f"{LIMITS}/status").json() == before


def test_a_running_turn_stops_between_steps_when_the_limit_is_reached_and_goes_on_when_it_is_raised(
    talk: Talk,
) -> None:
    server_id = talk.world.connected()
    talk.client.put(LIMITS, json={"spend_limit_micros": 1})
    chat_id = talk.start('use search {"q": "open"}', mcp_server_ids=[server_id])
    stopped = talk.run(chat_id)
    assert (stopped["status"], stopped["last_error"]["kind"]) == ("error", "usage_limit")
    assert [each["role"] for each in talk.messages(chat_id)] == ["user", "assistant", "tool"]
    retry = f"{CHATS}/{chat_id}/retry"
    assert talk.client.post(retry).json()["code"] == "usage_limit"
    talk.client.put(LIMITS, json={"spend_limit_micros": None})
    talk.client.post(retry).raise_for_status()
    assert talk.run(chat_id)["status"] == "waiting"


def test_an_answer_that_the_user_interrupts_is_counted_by_its_length(talk: Talk) -> None:
    chat_id = talk.start("Hello #model:stall")
    with talk.working(chat_id) as step:
        step.wait_for_parts()
        talk.client.post(f"{CHATS}/{chat_id}/interrupt").raise_for_status()
    total = talk.client.get(f"{CHATS}/cost/chats/{chat_id}").json()
    assert total["messages"] == 1
    assert min(total["input_tokens"], total["cost_micros"]) > 0


def test_an_answer_that_an_edit_takes_away_is_counted(talk: Talk) -> None:
    chat_id = talk.start("Hello")
    edit = {"content": text("Hello again")}
    talk.meanwhile.append(
        lambda: talk.client.patch(f"{CHATS}/{chat_id}/messages/1", json=edit).raise_for_status()
    )
    talk.run(chat_id)
    total = talk.client.get(f"{CHATS}/cost/chats/{chat_id}").json()
    assert total["messages"] == 2
    assert [each["role"] for each in talk.messages(chat_id)] == ["user", "assistant"]


def test_an_answer_in_a_chat_that_is_removed_leaves_nothing_behind(talk: Talk) -> None:
    chat_id = talk.start("Hello")
    talk.meanwhile.append(lambda: talk.client.delete(f"{CHATS}/{chat_id}").raise_for_status())
    talk.world.deployment.take_step(chat_id)
    left = [each for each in table_items("chats") if chat_id in str(each)]
    assert all("expires_at" in each for each in left)  # A preview, for an hour.

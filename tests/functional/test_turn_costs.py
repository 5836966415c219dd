"""What a turn's steps cost, warm: calls to DynamoDB, KMS and other servers, exactly.

Previews and renewed leases are left out: they are written as time goes by.
The section "A turn's steps" of `docs/costs.md` is the same table for people.
"""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.chats import CHATS, text
from tests.support.tool_server import add_tools
from tests.support.turns import Talk

DOCUMENT = Path(__file__).parents[2] / "docs" / "costs.md"
READS = {"GetItem", "Query", "BatchGetItem", "Scan", "TransactGetItems"}
Costs = tuple[int, int, int, int, int]
COSTS: dict[str, Costs] = {
    "a message is sent": (3, 1, 0, 1, 0),
    "a model answers, no servers": (8, 2, 0, 0, 1),
    "a model answers, one connected server": (9, 2, 0, 0, 2),
    "a model calls a tool": (9, 2, 0, 1, 2),
    "one tool is called": (8, 2, 0, 1, 2),
    "a hint for a chat at rest": (1, 0, 0, 0, 0),
    "the reaper, nothing to do": (17, 0, 0, 0, 0),
}


@pytest.fixture
def count(talk: Talk) -> Callable[[Callable[[], object]], Costs]:
    """Counts reads and transactions of DynamoDB, and calls of KMS, of SQS and of other servers."""

    def counted(act: Callable[[], object]) -> Costs:
        talk.world.deployment.aws_calls.reset()
        talk.world.internet.requests.clear()
        act()
        calls = Counter(talk.world.deployment.aws_calls.calls)
        database = {
            name.split(".")[1]: n for name, n in calls.items() if name.startswith("dynamodb.")
        }
        return (
            sum(n for name, n in database.items() if name in READS),
            database.get("TransactWriteItems", 0),
            sum(n for name, n in calls.items() if name.startswith("kms.")),
            sum(n for name, n in calls.items() if name.startswith("sqs.")),
            len(talk.world.internet.requests),
        )

    return counted


def test_steps_cost_what_the_document_says(
    talk: Talk, count: Callable[[Callable[[], object]], Costs]
) -> None:
    worker = talk.world.deployment.services.turns
    plain, _ = talk.ask("hello")
    server = talk.world.connected()
    with_server, _ = talk.ask('use search {"q": 1}', mcp_server_ids=[server])
    talk.world.internet.requests.clear()
    found: dict[str, Costs] = {}

    def say(chat_id: str, words: str) -> None:
        body = {"content": text(words)}
        talk.client.post(f"{CHATS}/{chat_id}/messages", json=body).raise_for_status()

    found["a message is sent"] = count(lambda: say(plain, "again"))
    found["a model answers, no servers"] = count(lambda: worker.handle(plain))
    found["a hint for a chat at rest"] = count(lambda: worker.handle(plain))
    say(with_server, "hello")
    found["a model answers, one connected server"] = count(lambda: worker.handle(with_server))
    say(with_server, 'use search {"q": 1}')
    found["a model calls a tool"] = count(lambda: worker.handle(with_server))
    found["one tool is called"] = count(lambda: worker.handle(with_server))
    talk.run(with_server)
    found["the reaper, nothing to do"] = count(worker.wake_stuck)
    assert found == COSTS


def test_servers_whose_lists_are_fresh_cost_no_request(
    talk: Talk, count: Callable[[Callable[[], object]], Costs]
) -> None:
    talk.world.resource_server.list_fields = {"ttlMs": 60_000, "cacheScope": "private"}
    server_id = talk.world.connected()
    chat_id, _ = talk.ask("hello", mcp_server_ids=[server_id])
    talk.say(chat_id, "again").raise_for_status()
    cost = count(lambda: talk.world.deployment.take_step(chat_id))
    assert cost[4] == 1, "the model's"


def test_further_servers_cost_one_request_each_and_no_read(
    talk: Talk, count: Callable[[Callable[[], object]], Costs]
) -> None:
    ids = [add_tools(talk.world, f"s{n}", "look").id for n in range(5)]
    chat_id, _ = talk.ask("hello", mcp_server_ids=ids)
    talk.say(chat_id, "again").raise_for_status()
    one = COSTS["a model answers, one connected server"]
    cost = count(lambda: talk.world.deployment.take_step(chat_id))
    assert cost == (*one[:4], one[4] + 4)


def test_each_further_call_of_a_step_costs_two_reads_and_its_requests(
    talk: Talk, count: Callable[[Callable[[], object]], Costs]
) -> None:
    worker, server_id = talk.world.deployment.services.turns, talk.world.connected()
    calls = 'use search {"q": 1} and use search {"q": 2} and use search {"q": 3}'
    chat_id, _ = talk.ask(calls, mcp_server_ids=[server_id])
    talk.say(chat_id, calls).raise_for_status()
    worker.handle(chat_id)
    one = COSTS["one tool is called"]
    cost = count(lambda: worker.handle(chat_id))
    assert cost == (one[0] + 2 * 2, *one[1:4], one[4] + 2 * 2)


def test_the_document_says_what_is_counted() -> None:
    section = DOCUMENT.read_text(encoding="utf-8").split("## A turn's steps")[1]
    row = r"^\| ([^`|]+?) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|"
    rows = re.findall(row, section, re.MULTILINE)
    assert {each[0]: tuple(map(int, each[1:])) for each in rows} == COSTS

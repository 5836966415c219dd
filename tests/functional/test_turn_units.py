"""What a turn's steps consume, and which tables they need: `pytest -s` prints the figures."""

import json
import re

import pytest

from infra.local.environments import ROOT
from tests.support import aws
from tests.support.journey import World
from tests.support.turns import Talk
from tests.support.units import Consumed, UnitMeter

QUESTION = 'use search {"q": "open"}'


@pytest.fixture
def meter(world: World) -> UnitMeter:
    """It sees every call of the deployment's to AWS."""
    meter, deployment = UnitMeter(), world.deployment
    meter.watch(deployment.database.connection.client)
    meter.watch(deployment.services.turn_queue._client())
    return meter


def allowed(function: str) -> set[tuple[str, str]]:
    """The tables, or `table/index`, and operations that a function's role has."""
    text = (ROOT / ".chalice" / f"policy-{function}.json").read_text(encoding="utf-8")
    found = set()
    for statement in json.loads(text)["Statement"]:
        for resource in statement["Resource"]:
            named = re.search(r"(\w+)Table(.*?/index/(\w+))?", json.dumps(resource))
            for action in statement["Action"] if named else ():
                assert named
                table = f"ciborium-{aws.STAGE}-{named[1].lower()}"
                where = f"{table}/{named[3]}" if named[3] else table
                found.add((where, action.removeprefix("dynamodb:")))
    return found


def needed(consumed: Consumed) -> set[tuple[str, str]]:
    """The same of what was called; IAM's name for one operation is longer."""
    longer = {"ConditionCheck": "ConditionCheckItem"}
    return {(table, longer.get(operation, operation)) for table, operation in consumed.tables}


def test_a_turns_steps_consume_few_units(talk: Talk, meter: UnitMeter) -> None:
    """Warm, with one server, whose tools are listed anew for each question to the model."""
    server_id = talk.world.connected()
    chat_id, _ = talk.ask(QUESTION, mcp_server_ids=[server_id])
    meter.take()
    talk.say(chat_id, QUESTION)
    figures = {"send": meter.take()}
    for name in ("question to the model", "tool call", "final answer"):
        talk.world.deployment.services.turns.handle(chat_id)
        figures[name] = meter.take()
    assert talk.chat(chat_id)["status"] == "waiting"
    for name, consumed in figures.items():
        print(f"{name:24}{consumed}")
    units = {name: each.read_units + each.write_units for name, each in figures.items()}
    limits = {"send": 20, "question to the model": 40, "tool call": 30, "final answer": 40}
    assert {name for name, most in limits.items() if units[name] > most} == set(), units


def test_steps_and_the_reaper_need_no_more_than_their_roles_have(
    talk: Talk, meter: UnitMeter
) -> None:
    """The local AWS grants everything, so that a missing grant would show in an account only."""
    server_id = talk.world.connected()
    services = talk.world.deployment.services
    chat_id = talk.start(
        f'{QUESTION} use create_workspace {{"name": "Made by a model"}}', mcp_server_ids=[server_id]
    )
    meter.take()
    for _ in range(3):
        services.turns.handle(chat_id)
    turn = meter.take()
    assert talk.chat(chat_id)["status"] == "waiting"
    [call, made] = talk.parts(chat_id, "tool-result")
    assert (call["is_error"], made["is_error"]) == (False, False)
    assert needed(turn) <= allowed("turns"), needed(turn) - allowed("turns")
    assert ("ciborium-test-models", "Query") in needed(turn)
    waiting = talk.start("Nobody answers")
    talk.client.delete(f"/api/experimental/chats/{chat_id}")
    talk.world.deployment.clock.advance(seconds=600)
    meter.take()
    assert services.turns.wake_stuck() == 1
    services.files.remove_leftovers()
    assert needed(meter.take()) <= allowed("reaper")
    assert talk.chat(waiting)["status"] == "pending"

"""What a turn's steps consume: `pytest -s` prints the figures."""

import pytest

from tests.support.journey import World
from tests.support.turns import Talk
from tests.support.units import UnitMeter

QUESTION = 'use search {"q": "open"}'


@pytest.fixture
def meter(world: World) -> UnitMeter:
    """It sees every call of the deployment's to AWS."""
    meter, deployment = UnitMeter(), world.deployment
    meter.watch(deployment.database.connection.client)
    meter.watch(deployment.services.turn_queue._client())
    return meter


def test_a_turns_steps_consume_few_units(talk: Talk, meter: UnitMeter) -> None:
    """Warm, with one server, whose tools are listed anew for each question to the model."""
    server_id = talk.world.connected()
    chat_id, _ = talk.ask(QUESTION, mcp_server_ids=[server_id])
    meter.take()
    talk.say(chat_id, QUESTION)
    figures = {"send": meter.take()}
    for name in ("question to the model", "tool call", "final answer"):
        talk.world.deployment.take_step(chat_id)
        figures[name] = meter.take()
    assert talk.chat(chat_id)["status"] == "waiting"
    for name, consumed in figures.items():
        print(f"{name:24}{consumed}")
    units = {name: each.read_units + each.write_units for name, each in figures.items()}
    limits = {"send": 20, "question to the model": 40, "tool call": 30, "final answer": 40}
    assert {name for name, most in limits.items() if units[name] > most} == set(), units

"""Nothing that is secret, and nothing that an upstream wrote in anger, leaves a turn."""

import json
from dataclasses import replace

import httpx
import pytest

from infra.local.scripted_model import UNTOLD
from tests.support.chat_models import KEY
from tests.support.people import default_organization, join, new_person
from tests.support.tables import table_items
from tests.support.tool_server import add_tools
from tests.support.turns import Talk, Watched

HEADER = "sentinel-header-value"
SECRETS = (KEY, HEADER, UNTOLD, "upstream-text")


def everything(talk: Talk, chat_id: str) -> str:
    """All that anybody can read of a chat: its owner, the model, an operator, a thief of tables."""
    told = [
        talk.chat(chat_id),
        talk.messages(chat_id),
        Watched(talk, chat_id).follow(),
        talk.model.requests,
        table_items("chats"),
    ]
    return json.dumps(told, default=str) + "".join(talk.world.deployment.log_lines)


def assert_nothing_is_told(talk: Talk, chat_id: str) -> None:
    found = everything(talk, chat_id)
    access = [text for text, each in talk.world.authorization_server.tokens.items()]
    assert not [secret for secret in (*SECRETS, *access) if secret in found]


@pytest.mark.parametrize("fault", ["", "400", "401", "500", "garbage", "half", "error-midway"])
def test_a_turn_tells_no_secrets_however_the_model_behaves(talk: Talk, fault: str) -> None:
    headers = {"auth_type": "custom_headers", "custom_headers": {"X-Key": HEADER}}
    server = add_tools(talk.world, "a", "look", **headers)
    oauth2_id = talk.world.connected()
    question = 'use look and use search {"q": 1}' + (f" #model:{fault}" if fault else "")
    chat_id, _ = talk.ask(question, mcp_server_ids=[server.id, oauth2_id])
    assert len(server.calls) == (0 if fault else 1)
    assert_nothing_is_told(talk, chat_id)


@pytest.mark.parametrize("is_admin", [True, False], ids=["admin", "member"])
@pytest.mark.parametrize("when", ["listing", "calling"])
def test_a_turn_tells_no_secrets_however_the_servers_behave(
    talk: Talk, is_admin: bool, when: str
) -> None:
    headers = {"auth_type": "custom_headers", "custom_headers": {"X-Key": HEADER}}
    server = add_tools(talk.world, "a", "look", **headers)
    person = new_person(talk.world.deployment)
    join(talk.world.deployment, default_organization(talk.world.deployment), person)
    theirs = talk if is_admin else replace(talk, token=person.token)
    chat_id = theirs.start("use look", mcp_server_ids=[server.id])
    if when == "calling":
        theirs.step(chat_id)
    error = {"code": -32000, "message": f"upstream-text {HEADER}", "data": HEADER}
    server.instead = lambda request: httpx.Response(
        200, json={"jsonrpc": "2.0", "id": json.loads(request.content)["id"], "error": error}
    )
    assert theirs.run(chat_id)["status"] == "waiting"
    assert_nothing_is_told(theirs, chat_id)


def test_a_fault_of_our_own_is_told_as_such_and_nothing_more(talk: Talk) -> None:
    chat_id = talk.start("hello")

    def fail() -> None:
        raise RuntimeError(KEY)

    talk.meanwhile.extend([fail] * 4)
    chat = talk.run(chat_id)
    assert (chat["status"], chat["last_error"]["kind"]) == ("error", "internal")
    assert chat["last_error"]["message"] == "Something went wrong on our side."
    assert "RuntimeError" in "".join(talk.world.deployment.log_lines)
    assert_nothing_is_told(talk, chat_id)

"""Workspaces and turns: their instructions, and the tool that makes one."""

from typing import Any

import pytest

from tests.support.chats import CHATS
from tests.support.people import ORGANIZATIONS, default_organization
from tests.support.turns import Talk


def workspaces(talk: Talk) -> list[dict[str, Any]]:
    path = f"{ORGANIZATIONS}/{default_organization(talk.world.deployment)}/workspaces"
    found = talk.client.get(path).json()
    return list(found)


def test_the_model_is_told_the_workspaces_instructions_before_the_chats_own(talk: Talk) -> None:
    path = f"{ORGANIZATIONS}/{default_organization(talk.world.deployment)}/workspaces"
    made = talk.client.post(path, json={"name": "Atlas", "instructions": "Speak German."})
    workspace_id = made.raise_for_status().json()["id"]
    chat_id, _ = talk.ask("hello", workspace_id=workspace_id, system_prompt="Be brief.")
    system = talk.model.requests[-1]["messages"][0]
    assert system == {"role": "system", "content": "Speak German.\n\nBe brief."}
    talk.client.patch(f"{path}/{workspace_id}", json={"instructions": "Speak French."})
    talk.say(chat_id, "again").raise_for_status()
    talk.run(chat_id)
    assert "French" in talk.model.requests[-1]["messages"][0]["content"]


def test_a_model_makes_a_workspace_in_the_chats_organisation(talk: Talk) -> None:
    asked = 'use create_workspace {"name": "Atlas", "instructions": "Be kind."}'
    chat_id, chat = talk.ask(asked)
    [made] = workspaces(talk)
    assert (made["name"], made["instructions"]) == ("Atlas", "Be kind.")
    assert made["id"] in talk.result(chat_id)["result"]
    assert chat["workspace_id"] == made["id"]
    assert talk.client.get(f"{CHATS}/{chat_id}").json()["workspace_id"] == made["id"]


def test_a_chat_that_has_a_workspace_stays_in_it(talk: Talk) -> None:
    chat_id, chat = talk.ask('use create_workspace {"name": "Atlas"}')
    talk.say(chat_id, 'use create_workspace {"name": "Second"}').raise_for_status()
    assert talk.run(chat_id)["workspace_id"] == chat["workspace_id"]
    assert len(workspaces(talk)) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            '{"name": "B", "organization_id": "00000000-0000-4000-8000-000000000000"}',
            "only be made",
        ),
        ("{}", "name"),
        ('{"name": ""}', "name"),
        ('{"name": 7}', "name"),
        ('{"name": "B", "instructions": ["x"]}', "instructions"),
        ('{"name": "ATLAS"}', ""),
    ],
    ids=["elsewhere", "no-name", "empty", "number", "list", "taken"],
)
def test_what_cannot_be_made_is_told_to_the_model(talk: Talk, arguments: str, told: str) -> None:
    talk.ask('use create_workspace {"name": "Atlas"}')
    chat_id, chat = talk.ask(f"use create_workspace {arguments}")
    assert chat["status"] == "waiting"
    assert talk.result(chat_id)["is_error"]
    assert told in talk.result(chat_id)["result"]
    assert "workspace_id" not in chat
    assert len(workspaces(talk)) == 1

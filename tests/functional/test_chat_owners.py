"""A chat is its owner's: who else cannot reach it, and what becomes of it when its owner goes."""

import pytest

from chalicelib.api import ROUTES
from tests.support.chat_owner import Owner, new_owner
from tests.support.chats import CHATS, text
from tests.support.deployment import Deployment, error_of
from tests.support.people import ORGANIZATIONS
from tests.support.servers import NOWHERE
from tests.support.tables import table_items

ONE = f"{CHATS}/{{chat_id}}"
DECISIONS = {"decisions": [{"tool_call_id": "call-1", "approved": True}]}
BODIES = {
    f"PATCH {ONE}": {"title": "Mine now"},
    f"POST {ONE}/messages": {"content": text("Hello")},
    f"PATCH {ONE}/messages/{{message_id}}": {"content": text("Hello")},
    f"POST {ONE}/tool-approvals": DECISIONS,
}
OF_A_CHAT = sorted(f"{each.method} {each.path}" for each in ROUTES if each.path.startswith(ONE))


@pytest.fixture
def owner(deployment: Deployment) -> Owner:
    """Somebody with chats."""
    return new_owner(deployment)


@pytest.mark.parametrize("endpoint", OF_A_CHAT)
def test_no_route_leads_to_another_ones_chat_and_none_tells_that_it_is_there(
    deployment: Deployment, owner: Owner, endpoint: str
) -> None:
    path = owner.start("Private", status="requires_action")
    owner.say(path, "Waits").raise_for_status()
    method, _, below = endpoint.partition(" ")
    tom = new_owner(deployment, "tom")
    before = table_items("chats"), table_items("audit")
    answers = []
    for chat_id in (path.rpartition("/")[2], NOWHERE, "garbage"):
        for client in (tom.client, deployment.admin):
            target = below.format(chat_id=chat_id, message_id=1, queued_id=1)
            answers.append(client.request(method, target, json=BODIES.get(endpoint)))
    assert {error_of(each) for each in answers} == {(404, "chat_not_found")}
    assert len({answer.json()["message"] for answer in answers}) == 1
    assert (table_items("chats"), table_items("audit")) == before


def test_the_routes_of_a_chat_are_as_many_as_this_file_thinks() -> None:
    assert len(OF_A_CHAT) == 14
    assert BODIES.keys() <= set(OF_A_CHAT)


def test_whoever_left_the_organisation_reads_their_chats_and_begins_no_turn(
    deployment: Deployment, owner: Owner
) -> None:
    failed, asking = owner.start(status="error"), owner.start(status="requires_action")
    running, waiting = owner.start(status="running"), owner.start(status="waiting")
    owner.say(running, "Waits").raise_for_status()
    member = f"{ORGANIZATIONS}/{owner.organization_id}/members/{owner.person.id}"
    with deployment.admin as admin:
        admin.delete(member).raise_for_status()
    client = owner.client
    for answer in (
        owner.say(waiting, "More"),
        owner.say(running, "More"),
        owner.edit(waiting, 1, "Or else"),
        client.post(f"{failed}/retry"),
        client.post(f"{waiting}/title/regenerate"),
        client.post(f"{asking}/tool-approvals", json=DECISIONS),
        client.post(f"{running}/queue/1/promote"),
        owner.change(waiting, mcp_server_ids=[]),
    ):
        assert error_of(answer) == (403, "not_a_member")
    assert owner.texts(waiting) == ["Hello yourself", "Hello"]
    assert client.post(f"{asking}/interrupt").json()["status"] == "waiting"
    owner.change(waiting, archived=True).raise_for_status()
    assert client.delete(waiting).status_code == 204


def test_a_message_that_is_sent_while_its_owner_leaves_is_refused(
    deployment: Deployment, owner: Owner
) -> None:
    path = owner.start(status="waiting")
    member = f"{ORGANIZATIONS}/{owner.organization_id}/members/{owner.person.id}"
    deployment.aws_calls.meanwhile = lambda: deployment.admin.delete(member).raise_for_status()
    assert error_of(owner.say(path, "More")) == (403, "not_a_member")
    assert owner.status(path) == "waiting"


def test_a_suspended_owner_is_out_and_comes_back_to_all_of_it(
    deployment: Deployment, owner: Owner
) -> None:
    path = owner.start("Hello", status="waiting")
    with deployment.admin as admin:
        suspend = f"{owner.person.path}/status/suspend"
        deployment.aws_calls.meanwhile = lambda: admin.put(suspend).raise_for_status()
        assert error_of(owner.say(path, "More")) == (401, "invalid_token")
        for answer in (owner.client.get(path), owner.client.get(CHATS), owner.say(path, "More")):
            assert error_of(answer) == (401, "invalid_token")
        admin.put(f"{owner.person.path}/status/activate").raise_for_status()
        key = admin.post(f"{owner.person.path}/keys/tokens", json={}).json()["key"]
    with deployment.client(key) as client:
        page = client.get(f"{path}/messages").json()
    assert [each["content"][0]["text"] for each in page["messages"]] == ["Hello yourself", "Hello"]


def test_with_a_user_go_all_their_chats_and_nobody_elses(
    deployment: Deployment, owner: Owner
) -> None:
    tom = new_owner(deployment, "tom")
    kept = tom.start("Kept", status="running")
    tom.say(kept, "Waits").raise_for_status()
    before = table_items("chats")
    for status in ("waiting", "running", "error"):
        path = owner.start("Gone", status=status, system_prompt="Gone as well")
        owner.say(path, "Gone too").raise_for_status()
    archived = owner.start(status="error")
    owner.change(archived, archived=True).raise_for_status()
    half_gone = owner.start(status="waiting")
    owner.client.delete(half_gone).raise_for_status()
    with deployment.admin as admin:
        assert admin.delete(owner.person.path).status_code == 204
    assert table_items("chats") == before
    assert tom.texts(kept) == ["Kept"]


@pytest.mark.parametrize("wanted", ["theirs", NOWHERE, NOWHERE.replace("0", "1")])
def test_a_workspace_of_another_organisation_is_refused_as_an_unknown_one_is(
    deployment: Deployment, owner: Owner, wanted: str
) -> None:
    with deployment.admin as admin:
        theirs = admin.post(ORGANIZATIONS, json={"name": "theirs"}).json()["id"]
        workspaces = f"{ORGANIZATIONS}/{theirs}/workspaces"
        made = admin.post(workspaces, json={"name": "Atlas"}).raise_for_status().json()["id"]
    body = {"organization_id": owner.organization_id, "content": text("Hello")}
    workspace_id = made if wanted == "theirs" else wanted
    refused = owner.client.post(CHATS, json={**body, "workspace_id": workspace_id})
    assert refused.status_code == 400
    assert [each["field"] for each in refused.json()["validations"]] == ["workspace_id"]
    assert owner.get(CHATS) == []


def test_a_chat_of_a_workspace_says_so_and_has_its_servers(
    deployment: Deployment, owner: Owner
) -> None:
    with deployment.admin as admin:
        workspaces = f"{ORGANIZATIONS}/{owner.organization_id}/workspaces"
        made = admin.post(workspaces, json={"name": "Atlas"}).raise_for_status().json()["id"]
    assert owner.get(owner.start(workspace_id=made))["workspace_id"] == made


@pytest.mark.parametrize("wanted", [NOWHERE, "disabled"])
def test_a_model_that_cannot_be_used_is_400(
    deployment: Deployment, owner: Owner, wanted: str
) -> None:
    path = owner.start(status="waiting")
    if wanted == "disabled":
        wanted = owner.get(path)["last_model_config_id"]
        with deployment.admin as admin:
            config = f"{CHATS}/model-configs/{wanted}"
            admin.patch(config, json={"enabled": False}).raise_for_status()
    body = {"organization_id": owner.organization_id, "content": text("Hello")}
    for answer in (
        owner.client.post(CHATS, json={**body, "model_config_id": wanted}),
        owner.say(path, "More", model_config_id=wanted),
        owner.edit(path, 1, "More", model_config_id=wanted),
    ):
        assert answer.status_code == 400
        assert [each["field"] for each in answer.json()["validations"]] == ["model_config_id"]
    assert owner.status(path) == "waiting"

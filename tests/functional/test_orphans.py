"""Nothing stays behind: what people make and delete, round after round, leaves the tables alone."""

import json
from typing import Any

import httpx
import pytest
from moto.dynamodb.models import dynamodb_backends

from chalicelib import events
from chalicelib.primitives import new_id
from infra.cloudformation import load_template
from tests.support import aws
from tests.support.chats import CHATS, text
from tests.support.journey import World
from tests.support.people import (
    ORGANIZATIONS,
    USERS,
    Person,
    default_organization,
    join,
    new_person,
)
from tests.support.servers import SERVERS
from tests.support.tool_server import add_tools
from tests.support.turns import Talk

GIF, IMAGE = b"GIF89a" + bytes(20), {"Content-Type": "image/gif"}
ROUNDS = 4
# A deleted organisation's data key: what its members connected as such is sealed with it.
# Destroying keys is an operator's decision (docs/operations.md).
KEPT = ["keys: KEY / record", "keys: SCOPE / active"]
LIMITS = f"{CHATS}/usage-limits"


def stored() -> dict[tuple[str, str, str], dict[str, Any]]:
    """All items by table and key, without the audit log and what DynamoDB removes by itself."""
    found = {}
    for name, table in dynamodb_backends["123456789012"][aws.REGION].tables.items():
        short = name.removeprefix(f"ciborium-{aws.STAGE}-")
        ends = TTL.get(short, "")
        for partition, items in table.items.items():
            for sort, item in items.items():
                if short != "audit" and ends not in item.attrs:
                    found[short, str(partition.value), str(sort.value)] = item.attrs
    return found


def read_ttl() -> dict[str, str]:
    """Which attribute of which table DynamoDB heeds."""
    found = {}
    for resource in load_template("data.yaml")["Resources"].values():
        properties = resource.get("Properties", {})
        if "TimeToLiveSpecification" in properties:
            name = str(properties["TableName"]).rpartition("-")[2].strip("}'")
            found[name] = properties["TimeToLiveSpecification"]["AttributeName"]
    return found


TTL = read_ttl()


def kinds(keys: set[tuple[str, str, str]]) -> list[str]:
    return sorted({f"{table}: {pk.partition('#')[0]} / {sk[:12]}" for table, pk, sk in keys})


def tidy_up(world: World) -> None:
    """The clock ticks, an hour later."""
    world.deployment.clock.advance(minutes=61)
    events.wake_stuck(world.deployment.services)
    events.remove_leftovers(world.deployment.services)


def created(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code in {200, 201}, answer.text
    found: dict[str, Any] = answer.json()
    return found


def make_organization(talk: Talk, person: Person, number: int) -> str:
    """An organisation with a group, a workspace, and a person in all of it; its path."""
    admin = talk.client
    path = (
        f"{ORGANIZATIONS}/{created(admin.post(ORGANIZATIONS, json={'name': f'o{number}'}))['id']}"
    )
    join(talk.world.deployment, path.rpartition("/")[2], person)
    group = created(admin.post(f"{path}/groups", json={"name": "team"}))["id"]
    admin.put(f"{path}/groups/{group}/members/{person.id}").raise_for_status()
    created(admin.post(f"{path}/workspaces", json={"name": "Atlas"}))
    limit = {"spend_limit_micros": 10**9}
    admin.put(f"{LIMITS}/group-overrides/{group}", json=limit).raise_for_status()
    return path


def make_servers(talk: Talk, person: Person, number: int) -> list[str]:
    """Servers with everything that hangs on them; their ids."""
    world, admin = talk.world, talk.client
    oauth2 = str(world.register(slug=f"s{number}", availability="default_on")["id"])
    tools = add_tools(world, f"t{number}", "look", availability="default_on").id
    own = {"auth_type": "custom_headers", "user_header_names": ["X-Token"]}
    headers = add_tools(world, f"h{number}", "look", availability="default_on", **own).id
    admin.put(f"{SERVERS}/{tools}/icon", content=GIF, headers=IMAGE).raise_for_status()
    seen = created(admin.get(f"{SERVERS}/{tools}/tools/approvals"))["tools"][0]
    approved = {"tools": {seen["name"]: seen["hash"]}}
    admin.post(f"{SERVERS}/{tools}/tools/approvals", json=approved).raise_for_status()
    world.connect_as(person.token, oauth2)
    world.connect_as(talk.token, oauth2)
    values = {"values": {"X-Token": "mine"}}
    person.client.put(f"{SERVERS}/{headers}/user-headers", json=values).raise_for_status()
    return [oauth2, tools, headers]


def make_chats(talk: Talk, person: Person, server_id: str) -> list[str]:
    """Chats that have been answered, with a file, a queue and a ticket; their paths."""
    organization_id = default_organization(talk.world.deployment)
    join(talk.world.deployment, organization_id, person)
    client = person.client
    made: list[str] = []
    for _ in range(2):
        body = {
            "organization_id": organization_id,
            "content": text("use look"),
            "mcp_server_ids": [server_id],
        }
        key = {"Idempotency-Key": f"chat-{len(made)}"}
        chat_id = created(client.post(CHATS, json=body, headers=key))["id"]
        client.post(f"{CHATS}/{chat_id}/messages", json={"content": text("more")})
        talk.world.deployment.services.turns.handle(chat_id)
        created(client.post(f"{CHATS}/{chat_id}/stream-tickets"))
        made.append(f"{CHATS}/{chat_id}")
    path = f"{CHATS}/files?organization={organization_id}"
    created(client.post(path, content=GIF, headers=IMAGE))
    return made


def delete(client: httpx.Client, *paths: str) -> None:
    for path in paths:
        client.delete(path).raise_for_status()


@pytest.mark.parametrize("order", ["servers first", "people first"])
def test_what_is_made_and_deleted_round_after_round_leaves_no_rows(talk: Talk, order: str) -> None:
    world, admin = talk.world, talk.client
    admin.put(LIMITS, json={"spend_limit_micros": 10**9}).raise_for_status()
    before = stored().keys()
    for number in range(ROUNDS // 2):
        person = new_person(world.deployment, f"p{number}")
        limit = {"spend_limit_micros": 10**9}
        admin.put(f"{LIMITS}/overrides/{person.id}", json=limit).raise_for_status()
        organization = make_organization(talk, person, number)
        servers = make_servers(talk, person, number)
        chat, _ = make_chats(talk, person, servers[1])
        delete(person.client, chat)
        person.sign_in().post(f"{USERS}/logout")
        own = [f"{SERVERS}/{each}" for each in servers]
        if order == "servers first":
            delete(admin, *own, organization, person.path)
        else:
            delete(admin, person.path, organization, *own)
        tidy_up(world)
    left = stored().keys() - before
    assert kinds(left) == KEPT


def test_limits_of_deleted_groups_make_room_for_others(talk: Talk) -> None:
    client, dynamodb = talk.client, aws.client("dynamodb")
    client.put(LIMITS, json={"spend_limit_micros": 5}).raise_for_status()
    gone = {new_id(): {"organization_id": new_id(), "spend_limit_micros": 1} for _ in range(100)}
    dynamodb.update_item(
        TableName=f"ciborium-{aws.STAGE}-chats",
        Key={"PK": {"S": "LIMITS"}, "SK": {"S": "DEPLOYMENT"}},
        UpdateExpression="SET #groups = :groups",
        ExpressionAttributeNames={"#groups": "groups"},
        ExpressionAttributeValues={":groups": {"S": json.dumps(gone)}},
    )
    organization_id = default_organization(talk.world.deployment)
    groups = f"{ORGANIZATIONS}/{organization_id}/groups"
    group = created(client.post(groups, json={"name": "team"}))["id"]
    limit = {"spend_limit_micros": 7}
    client.put(f"{LIMITS}/group-overrides/{group}", json=limit).raise_for_status()
    kept = client.get(LIMITS).json()["group_overrides"]
    assert [each["group_id"] for each in kept] == [group]

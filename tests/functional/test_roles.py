"""Each function's role has what the function does, and nothing else.

That it has enough, every functional test says: whatever acts as a function is refused what its
policy does not allow (`tests/support/roles.py`). Here each uses all that it has.
"""

import pytest

from tests.functional.test_audit_coverage import caller_in
from tests.functional.test_chat_files import large, uploaded
from tests.functional.test_costs import AUDIT, COSTS
from tests.functional.test_moved_server import move
from tests.support.chats import CHATS
from tests.support.deployment import ADMIN_TOKEN, Deployment, start_deployment
from tests.support.journey import World
from tests.support.people import default_organization, join, new_person
from tests.support.roles import FUNCTIONS, Use, allows, grants_of
from tests.support.sockets import connecting, leaving
from tests.support.tool_server import add_tools
from tests.support.turns import Talk

ON_BEHALF = "DynamoDB and SQS ask for it on the function's behalf, for what they encrypt"
POLLER = "Lambda itself takes the hints out of the queue"
NEW_KEY = "the owner has come to an organisation that has no data key yet, and a token is refreshed"
# What a role has though no journey below shows its use, and why.
UNSEEN = {
    "api": {
        ("dynamodb:DeleteItem", "IdempotencyTable"): "a request under a key that failed",
        ("dynamodb:GetItem", "IdempotencyTable"): "a request that comes again",
        ("dynamodb:PutItem", "IdempotencyTable"): "the first request under a key",
        ("dynamodb:UpdateItem", "IdempotencyTable"): "its answer",
        ("dynamodb:UpdateItem", "ConnectionsTable"): "a token is refreshed",
    },
    "turns": {
        ("dynamodb:GetItem", "IdentityTable"): "the tokens of a sign-in, for user_oidc",
        ("dynamodb:UpdateItem", "IdentityTable"): "they are refreshed",
        ("dynamodb:PutItem", "KeysTable"): NEW_KEY,
        ("kms:GenerateDataKey", "Key"): NEW_KEY,
        ("sqs:DeleteMessage", "TurnsQueue"): POLLER,
        ("sqs:GetQueueAttributes", "TurnsQueue"): POLLER,
        ("sqs:ReceiveMessage", "TurnsQueue"): POLLER,
    },
    "reaper": {
        ("kms:Decrypt", "Key"): ON_BEHALF,
        ("kms:GenerateDataKey", "Key"): ON_BEHALF,
        ("sqs:SendMessage", "ReaperDeadLetterQueue"): "Lambda itself, when a run fails",
    },
    "follow": {("kms:Decrypt", "Key"): ON_BEHALF},
}


def unused(function: str, *deployments: Deployment) -> set[tuple[str, str]]:
    """What a role has that was not used; but for logs and sockets, which are no client's here."""
    used = {
        (use.action, use.resource)
        for deployment in deployments
        for who, use in deployment.roles.used
        if who == function
    }
    granted = {each for each in grants_of(function) if each[0].startswith(("dyn", "kms", "sqs"))}
    return granted - used


def test_the_api_uses_all_that_its_role_has(world: World) -> None:
    with caller_in(world) as caller:
        client, file = caller.client, caller.file
        cold = start_deployment(world.internet, clock=world.deployment.clock)
        with cold.admin as other:
            other.get(file).raise_for_status()
        # What deletes goes last, so that the others find what they change.
        for endpoint in sorted(COSTS, key=lambda each: each.startswith("DELETE")):
            COSTS[endpoint][0](caller)
        for query in ("object_id", "organization_id"):
            client.get(f"{AUDIT}?{query}={caller.server_id}").raise_for_status()
        client.get(AUDIT).raise_for_status()
    found = unused("api", world.deployment, cold)
    assert sorted(found) == sorted(UNSEEN["api"])


def test_a_worker_uses_all_that_its_role_has(talk: Talk) -> None:
    world, server_id = talk.world, talk.world.connected()
    home = default_organization(world.deployment)
    mara = new_person(world.deployment)
    join(world.deployment, home, mara)
    groups = f"/api/v2/organizations/{home}/groups"
    with world.deployment.admin as admin:
        group = admin.post(groups, json={"name": "team"}).raise_for_status().json()["id"]
        admin.put(f"{groups}/{group}/members/{mara.id}").raise_for_status()
        limit = f"{CHATS}/usage-limits/group-overrides/{group}"
        admin.put(limit, json={"spend_limit_micros": 10**9}).raise_for_status()
    world.connect_as(mara.token, server_id)
    talk.token = mara.token
    told = 'use search {"q": "open"} use create_workspace {"name": "Made"}'
    first = talk.start(told, mcp_server_ids=[server_id])
    world.deployment.clock.advance(hours=2)  # The token must be refreshed.
    cold = start_deployment(world.internet, clock=world.deployment.clock)
    for _ in range(9):
        cold.take_step(first)
    assert talk.chat(first)["status"] == "waiting"
    world.resource_server.needed_scopes = {"tools/call": "admin"}
    other_id = add_tools(world, "other", "look").id
    talk.ask(told, mcp_server_ids=[server_id, other_id])
    move(world)
    talk.ask("again", mcp_server_ids=[server_id])
    found = unused("turns", world.deployment, cold)
    assert sorted(found) == sorted(UNSEEN["turns"])


def test_the_reaper_uses_all_that_its_role_has(talk: Talk) -> None:
    deployment = talk.world.deployment
    talk.start("Nobody answers")
    deleted, _ = talk.ask("hello")
    with deployment.admin as client:
        path = uploaded(client, default_organization(deployment), large(1_500_000))
        deployment.aws_calls.refuse_after = 5
        client.delete(path)
        deployment.aws_calls.refuse_after = None
    talk.client.delete(f"{CHATS}/{deleted}").raise_for_status()
    deployment.clock.advance(hours=2)
    cold = start_deployment(clock=deployment.clock)  # It does not know the queue's URL yet.
    cold.tick()
    assert unused("reaper", cold) == UNSEEN["reaper"].keys()


def test_who_attends_to_sockets_uses_all_that_its_role_has(talk: Talk) -> None:
    deployment = talk.world.deployment
    chat_id = talk.start("hello")
    deployment.clock.advance(hours=2)  # Tokens' use is noted to the hour.
    assert deployment.attend(connecting("c", chat_id, ADMIN_TOKEN)) == 200
    ticket = talk.client.post(f"{CHATS}/{chat_id}/stream-tickets").json()["ticket"]
    assert deployment.attend(connecting("a", chat_id, ADMIN_TOKEN)) == 200
    assert deployment.attend(connecting("b", chat_id, ticket=ticket)) == 200
    assert deployment.attend(leaving("a")) == 200
    assert unused("follow", deployment) == UNSEEN["follow"].keys()


def test_what_is_excused_here_is_granted() -> None:
    for function in FUNCTIONS:
        assert UNSEEN[function].keys() <= grants_of(function)


def test_a_function_that_does_what_its_role_does_not_allow_fails_the_test(
    deployment: Deployment,
) -> None:
    with (
        pytest.raises(AssertionError, match=r"reaper.*IdentityTable"),
        deployment.roles.acting("reaper"),
    ):
        deployment.services.identity.ensure_first_owner(ADMIN_TOKEN)


@pytest.mark.parametrize(
    ("key", "name", "is_allowed"),
    [
        ("USER#1", "access_token", True),
        ("USER#1", "roles", False),  # Of the account, which lies beside the tokens.
        ("USER#1", "tokens", False),
        ("TOKEN#1", "access_token", False),
        ("OWNERS", "access_token", False),
        ("EMAIL#a@example.com", "access_token", False),
    ],
)
def test_a_worker_writes_no_credentials_and_makes_nobody_an_owner(
    key: str, name: str, is_allowed: bool
) -> None:
    names = frozenset({"PK", "SK", name})
    context = (("dynamodb:Attributes", names), ("dynamodb:LeadingKeys", key))
    assert allows("turns", Use("dynamodb:UpdateItem", "IdentityTable", context)) == is_allowed
    for action in ("PutItem", "DeleteItem"):
        assert not allows("turns", Use(f"dynamodb:{action}", "IdentityTable", context))


def test_a_worker_makes_workspaces_and_nobody_a_member() -> None:
    def may_put(*names: str) -> bool:
        context = (
            ("dynamodb:Attributes", frozenset({"PK", "SK", *names})),
            ("dynamodb:LeadingKeys", "ORG#1"),
        )
        return allows("turns", Use("dynamodb:PutItem", "OrganizationsTable", context))

    assert may_put("workspace_id", "name")
    assert not may_put("user_id", "roles")


def test_who_attends_to_sockets_puts_no_words_into_a_chat() -> None:
    def may(action: str, *names: str) -> bool:
        context = (
            ("dynamodb:Attributes", frozenset({"PK", "SK", *names})),
            ("dynamodb:LeadingKeys", "CHAT#1"),
        )
        return allows("follow", Use(f"dynamodb:{action}", "ChatsTable", context))

    assert may("PutItem", "chat_id", "expires_at")
    assert may("UpdateItem", "watched_until", "version")
    for action in ("PutItem", "UpdateItem"):
        assert not may(action, "content")


def test_a_key_for_another_stage_is_no_key_for_this_one() -> None:
    def context(stage: str) -> tuple[tuple[str, str], ...]:
        return (
            ("kms:EncryptionContext:application", "ciborium"),
            ("kms:EncryptionContext:stage", stage),
        )

    for function in ("api", "turns"):
        assert allows(function, Use("kms:Decrypt", "Key", context("test")))
        assert not allows(function, Use("kms:Decrypt", "Key", context("other")))
        assert not allows(function, Use("kms:Decrypt", "Key"))

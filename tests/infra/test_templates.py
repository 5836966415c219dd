"""What the templates promise, read from themselves."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.config import SETTINGS, Settings
from infra.cloudformation import INFRA, load_template
from infra.local.environments import ROOT
from infra.template import additions

TABLES = {
    *("identity", "organizations", "servers", "connections", "chats", "audit", "idempotency"),
    *("keys", "models"),
}


FUNCTIONS = {"api": "APIHandler", "turns": "Turns", "reaper": "Reaper", "follow": "Follow"}


def policy_of(function: str) -> list[dict[str, Any]]:
    """The statements of what a function may do."""
    text = (ROOT / ".chalice" / f"policy-{function}.json").read_text(encoding="utf-8")
    statements: list[dict[str, Any]] = json.loads(text)["Statement"]
    return statements


def actions_of(function: str, service: str) -> set[str]:
    return {
        action.removeprefix(f"{service}:")
        for statement in policy_of(function)
        for action in statement["Action"]
        if action.startswith(f"{service}:")
    }


def tables() -> dict[str, dict[str, Any]]:
    resources = load_template("data.yaml")["Resources"].values()
    found = [each for each in resources if each["Type"] == "AWS::DynamoDB::Table"]
    return {each["Properties"]["TableName"]["Fn::Sub"]: each for each in found}


def test_every_table_that_the_code_names_is_in_the_template() -> None:
    settings = Settings.from_environment(
        {"CIBORIUM_STAGE": "prod", "CIBORIUM_PUBLIC_URL": "https://ciborium.example"}
    )
    named = {settings.table_name(table) for table in TABLES}
    assert named == {name.replace("${Stage}", "prod") for name in tables()}
    sources = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "chalicelib").rglob("repository.py")
    )
    assert all(f', "{table}")' in sources for table in TABLES)


def test_every_table_survives_the_stack_and_can_be_restored() -> None:
    for table in tables().values():
        properties = table["Properties"]
        assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert properties["SSESpecification"]["SSEType"] == "KMS"
        assert properties["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}


@pytest.mark.parametrize(
    ("function", "allowed"),
    [
        ("api", {"dynamodb:PutItem", "dynamodb:Query"}),
        ("turns", {"dynamodb:PutItem"}),
        ("reaper", set()),
        ("follow", set()),
    ],
)
def test_functions_may_add_audit_events_and_the_api_read_them_and_nothing_else(
    function: str, allowed: set[str]
) -> None:
    """Append-only: whoever takes over a function can change no event, whatever the code does."""
    actions = {
        action
        for statement in policy_of(function)
        if "AuditTable" in json.dumps(statement["Resource"])
        for action in statement["Action"]
    }
    assert actions == allowed


def test_the_api_may_read_every_index_of_the_audit_log() -> None:
    policy = policy_of("api")
    indexes = tables()["ciborium-${Stage}-audit"]["Properties"]["GlobalSecondaryIndexes"]
    for index in indexes:
        assert f"${{AuditTable.Arn}}/index/{index['IndexName']}" in json.dumps(policy)


def test_events_end_by_the_attribute_that_the_code_writes() -> None:
    properties = tables()["ciborium-${Stage}-audit"]["Properties"]
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_its_name_every_setting_and_a_log(function: str) -> None:
    resources = load_template("api.yaml")["Resources"]
    properties = resources[FUNCTIONS[function]]["Properties"]
    assert properties["Environment"]["Variables"].keys() == SETTINGS.keys()
    name = properties["FunctionName"]["Fn::Sub"]
    assert name == f"ciborium-${{Stage}}-{function}"
    [log] = [
        logical_id
        for logical_id, each in resources.items()
        if each.get("Properties", {}).get("LogGroupName") == {"Fn::Sub": f"/aws/lambda/{name}"}
    ]
    [statement] = [each for each in policy_of(function) if each["Sid"] == "WriteItsOwnLog"]
    assert statement["Resource"] == [{"Fn::GetAtt": [log, "Arn"]}]


def test_only_who_signs_people_in_or_renews_their_tokens_has_the_clients_secret() -> None:
    resources = load_template("api.yaml")["Resources"]
    secrets = {
        name for name, each in load_template("api.yaml")["Parameters"].items() if each.get("NoEcho")
    }
    having = {
        function
        for function, logical_id in FUNCTIONS.items()
        for value in resources[logical_id]["Properties"]["Environment"]["Variables"].values()
        if isinstance(value, dict) and value.get("Ref") in secrets
    }
    assert having == {"api", "turns"}


def test_only_the_turns_function_takes_hints_and_all_may_send_them() -> None:
    send = {"GetQueueUrl", "SendMessage"}
    assert actions_of("api", "sqs") == send
    assert actions_of("reaper", "sqs") == send
    receive = {"DeleteMessage", "GetQueueAttributes", "ReceiveMessage"}
    assert actions_of("turns", "sqs") == send | receive


def test_only_who_takes_turns_or_names_chats_asks_models_and_only_those_that_are_listed() -> None:
    assert not any(actions_of(function, "bedrock") for function in FUNCTIONS)
    policy = load_template("api.yaml")["Resources"]["BedrockPolicy"]
    assert policy["Condition"] == "AsksBedrock"
    assert policy["Properties"]["Roles"] == [{"Ref": "ApiHandlerRole"}, {"Ref": "TurnsRole"}]
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "bedrock:InvokeModelWithResponseStream"
    assert statement["Resource"] == {"Ref": "BedrockModelARNs"}


def test_only_the_turns_function_pushes_and_only_through_our_own_api() -> None:
    others = {function for function in FUNCTIONS if actions_of(function, "execute-api")}
    assert others == {"turns"}
    [statement] = [each for each in policy_of("turns") if each["Sid"] == "PushToSockets"]
    assert statement["Action"] == ["execute-api:ManageConnections"]
    [resource] = statement["Resource"]
    assert resource["Fn::Sub"].endswith(":${FollowAPI}/api/POST/@connections/*")


def test_whoever_opens_a_socket_meets_the_function_that_authenticates() -> None:
    """An API without its `$connect` route, or whose function it may not call, lets all in."""
    resources = load_template("follow.yaml")["Resources"]
    routes = {
        name: each["Properties"]
        for name, each in resources.items()
        if each.get("Type") == "AWS::ApiGatewayV2::Route"
    }
    assert {each["RouteKey"] for each in routes.values()} == {"$connect", "$default", "$disconnect"}
    target = {"Fn::Sub": "integrations/${FollowIntegration}"}
    assert all(each["Target"] == target for each in routes.values())
    uri = resources["FollowIntegration"]["Properties"]["IntegrationUri"]["Fn::Sub"]
    assert uri.endswith("/functions/${Follow.Arn}:live/invocations")
    stage = resources["FollowStage"]
    assert stage["Properties"]["AutoDeploy"]
    assert stage["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"]
    assert set(stage["DependsOn"]) == {*routes, "FollowPermission"}


def test_the_function_for_sockets_sees_tokens_and_chats_and_nothing_else() -> None:
    tables = {
        json.dumps(resource)
        for statement in policy_of("follow")
        if any(action.startswith("dynamodb:") for action in statement["Action"])
        for resource in statement["Resource"]
    }
    assert tables == {
        json.dumps({"Fn::GetAtt": [table, "Arn"]}) for table in ("IdentityTable", "ChatsTable")
    }
    assert actions_of("follow", "kms") == {"Decrypt"}
    assert actions_of("follow", "sqs") == set()


def test_nobody_may_do_everything_or_something_to_everything() -> None:
    """But for what has no name until it is there: a connection."""
    unnamed = {"PushToSockets"}
    for function in FUNCTIONS:
        for statement in policy_of(function):
            assert statement["Effect"] == "Allow"
            assert not any("*" in action for action in statement["Action"]), statement["Sid"]
            if statement["Sid"] not in unnamed:
                assert "*" not in json.dumps(statement["Resource"]), statement["Sid"]
    resources = additions()["Resources"].items()
    policies = {name: each for name, each in resources if each.get("Type") == "AWS::IAM::Policy"}
    assert policies.keys() == {
        *("BedrockPolicy", "TracingPolicy", "WrappingKeyPolicy", "WrappingKeyProbePolicy"),
    }
    everything = {
        name
        for name, each in policies.items()
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if "*" in json.dumps([statement["Action"], statement["Resource"]])
    }
    assert everything == {"TracingPolicy"}, "X-Ray has no resources that could be named"


@pytest.mark.parametrize(("function", "role"), [("api", "ApiHandlerRole"), ("turns", "TurnsRole")])
def test_another_wrapping_key_is_used_just_as_the_stacks_own(function: str, role: str) -> None:
    """Or a stage whose data keys were moved would open nothing, or never be ready."""
    own = {
        (action, json.dumps(each.get("Condition")))
        for each in policy_of(function)
        for action in each["Action"]
        if action.startswith("kms:") and "kms:ViaService" not in json.dumps(each)
    }
    other = {
        (action, json.dumps(statement.get("Condition")))
        for each in load_template("api.yaml")["Resources"].values()
        if each.get("Condition") == "HasWrappingKey"
        and {"Ref": role} in each["Properties"]["Roles"]
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }
    assert other == own


def test_a_step_changes_no_token_model_or_approval_and_of_users_only_what_is_their_own() -> None:
    """Whoever takes over the function that talks to models can give themselves no rights.

    Roles lie beside what it does write: of people in their own partition, of members in their
    organisation's. It changes servers, since it follows one to its new authorization server.
    """
    writes = {"PutItem", "UpdateItem", "DeleteItem"}
    found = {}
    for statement in policy_of("turns"):
        for table in ("IdentityTable", "ServersTable", "ModelsTable", "OrganizationsTable"):
            actions = {each.removeprefix("dynamodb:") for each in statement["Action"]} & writes
            if actions and table in json.dumps(statement["Resource"]):
                keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                found[table] = (actions, keys)
                if table in {"IdentityTable", "OrganizationsTable"}:
                    only = statement["Condition"]["ForAllValues:StringEquals"]
                    credentials = {"roles", "tokens", "status", "user_id", "subject", "issuer"}
                    assert not credentials & set(only["dynamodb:Attributes"])
    assert found == {
        "IdentityTable": ({"UpdateItem"}, ["USER#*"]),
        "OrganizationsTable": ({"PutItem"}, ["ORG#*"]),
        "ServersTable": ({"PutItem"}, ["SERVER"]),
    }


def test_only_who_opens_secrets_may_use_the_key_and_only_in_their_own_context() -> None:
    context = {
        "kms:EncryptionContext:application": "ciborium",
        "kms:EncryptionContext:stage": {"Ref": "Stage"},
    }
    for function in FUNCTIONS:
        uses = [
            each
            for each in policy_of(function)
            if any(action.startswith("kms:") for action in each["Action"])
            and each["Action"] != ["kms:DescribeKey"]
        ]
        conditions = [each["Condition"]["StringEquals"] for each in uses]
        own = [each for each in conditions if "kms:ViaService" not in each]
        assert own == ([context] if function in {"api", "turns"} else []), function


def test_the_key_is_denied_to_whoever_gives_another_context() -> None:
    """Whatever IAM says; but administering it is not, so that nobody is locked out."""
    key = load_template("data.yaml")["Resources"]["Key"]["Properties"]
    admin, *denials = key["KeyPolicy"]["Statement"]
    assert (admin["Effect"], admin["Action"]) == ("Allow", "kms:*")
    assert admin["Principal"]["AWS"]["Fn::Sub"].endswith(":root")
    wanted = {"application": "ciborium", "stage": {"Ref": "Stage"}}
    assert len(denials) == len(wanted)
    for denial, (name, value) in zip(denials, wanted.items(), strict=True):
        assert (denial["Effect"], denial["Principal"]) == ("Deny", {"AWS": "*"})
        assert denial["Action"] == [
            *("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")
        ]
        condition = denial["Condition"]
        assert condition["Bool"] == {"aws:PrincipalIsAWSService": "false"}
        given = condition["StringNotEquals"]
        services = [each["Fn::Sub"].split(".")[0] for each in given.pop("kms:ViaService")]
        assert services == ["dynamodb", "sqs", "backup"]
        assert given == {f"kms:EncryptionContext:{name}": value}


def test_a_hint_comes_again_only_when_its_step_has_ended() -> None:
    """AWS advises a visibility timeout of six times the function's."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    timeout = config["stages"]["api"]["lambda_functions"]["turns"]["lambda_timeout"]
    queue = load_template("data.yaml")["Resources"]["TurnsQueue"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * timeout
    settings = Settings.from_environment(
        {"CIBORIUM_STAGE": "prod", "CIBORIUM_PUBLIC_URL": "https://ciborium.example"}
    )
    assert queue["QueueName"]["Fn::Sub"].replace("${Stage}", "prod") == settings.turns_queue


def test_the_data_template_passes_cfn_lint() -> None:
    linter = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run(
        [linter, INFRA / "data.yaml"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")

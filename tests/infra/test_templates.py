"""What the templates promise, read from themselves."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from chalicelib.config import SETTINGS, Settings
from infra.cloudformation import INFRA, load_template
from infra.local.environments import ROOT

TABLES = {
    *("identity", "organizations", "servers", "connections", "chats", "audit", "idempotency"),
    *("keys", "models"),
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


def test_the_function_may_add_audit_events_and_read_them_and_nothing_else() -> None:
    """Append-only: whoever takes over the function can change no event, whatever the code does."""
    policy = json.loads((ROOT / ".chalice" / "policy-api.json").read_text(encoding="utf-8"))
    actions = {
        action
        for statement in policy["Statement"]
        if "AuditTable" in json.dumps(statement["Resource"])
        for action in statement["Action"]
    }
    assert actions == {"dynamodb:PutItem", "dynamodb:Query"}
    indexes = tables()["ciborium-${Stage}-audit"]["Properties"]["GlobalSecondaryIndexes"]
    for index in indexes:
        assert f"${{AuditTable.Arn}}/index/{index['IndexName']}" in json.dumps(policy)


def test_events_end_by_the_attribute_that_the_code_writes() -> None:
    properties = tables()["ciborium-${Stage}-audit"]["Properties"]
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_functions_environment_sets_every_setting() -> None:
    handler = load_template("api.yaml")["Resources"]["APIHandler"]["Properties"]
    assert handler["Environment"]["Variables"].keys() == SETTINGS.keys()


def test_the_data_template_passes_cfn_lint() -> None:
    linter = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run(
        [linter, INFRA / "data.yaml"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")

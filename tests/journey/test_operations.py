"""Every command of docs/operations.md is run as it stands there, in a process of its own."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.primitives import utc_now
from chalicelib.storage import time_key
from infra.local.devserver import make_server
from infra.operator.backup_file import TABLES
from tests.support import aws
from tests.support.aws_endpoint import AWSEndpoint, serving_aws
from tests.support.chat_models import KEY
from tests.support.deployment import ADMIN_TOKEN
from tests.support.operating import empty_tables, states
from tests.support.operations import DEPLOYING, PAGE, sections
from tests.support.sealed import Office, key_ids_in, sealed_values
from tests.support.servers import SERVERS
from tests.support.tables import table_items

ROOT = Path(__file__).parents[2]
# The page speaks of a stage that the tests do not have.
SPOKEN_OF = {
    "CIBORIUM_STAGE=prod": f"CIBORIUM_STAGE={aws.STAGE}",
    "--keys-of prod": "--keys-of test",
}
# Rights that the page names for what happens to others than to the tests' deployment.
RARE = {
    "disconnect": ["dynamodb:GetItem", "kms:Decrypt"],  # The server, and the token to revoke.
    "migrate chats": [  # If there is such a chat.
        "dynamodb:ConditionCheckItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    ],
}
_SECONDS = 120


@dataclass
class Shell:
    """Runs the page's commands against the AWS of this process.

    Attributes:
        office: the deployment that is operated.
        endpoint: where its AWS is.
        home: of whoever operates.
        variables: what the page's commands refer to.
        used: the rights that each command took, by its name.
        output: what the last command printed.
    """

    office: Office
    endpoint: AWSEndpoint
    home: Path
    variables: dict[str, str]
    used: dict[str, set[str]] = field(default_factory=dict)
    output: str = ""

    def run(self, command: str) -> None:
        """Run a command; it must end well."""
        for spoken, meant in SPOKEN_OF.items():
            command = command.replace(spoken, meant)
        self.endpoint.used.clear()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=ROOT,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        self.output = done.stdout + done.stderr
        named = re.search(r"infra\.operator (keys \w+|migrate chats|\w[\w-]+)", command)
        if named:
            self.used.setdefault(named.group(1), set()).update(self.endpoint.used)

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        return {
            **kept,
            "PATH": f"{self.home / 'bin'}:{kept['PATH']}",
            "HOME": str(self.home),
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": aws.REGION,
            "AWS_ENDPOINT_URL": self.endpoint.url,
            "CIBORIUM_STAGE": aws.STAGE,
            "CIBORIUM_PUBLIC_URL": "https://ciborium.example.com",
            **self.variables,
        }


@pytest.fixture
def shell(local_aws: None, tmp_path: Path) -> Iterator[Shell]:
    office = Office()
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "ciborium"  # As the SDK's wheel installs it.
    python = ROOT / ".venv" / "bin" / "python"
    program.write_text(f'#!/bin/sh\nexec {python} -m chalicelib.sdk.cli "$@"\n')
    program.chmod(0o755)
    variables = {"CIBORIUM_TOKEN": ADMIN_TOKEN, "ORGANIZATION_ID": office.organization_id}
    with serving_aws() as endpoint, serving(office) as url:
        yield Shell(office, endpoint, tmp_path, {**variables, "CIBORIUM_URL": url})


@contextmanager
def serving(office: Office) -> Iterator[str]:
    """The deployment's API, for the command `ciborium`."""
    server = make_server(office.deployment.app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def before_the_first_admin(shell: Shell) -> None:
    """A deployment that nobody has come to yet."""
    aws.create_stack("fresh")
    shell.variables["CIBORIUM_STAGE"] = "fresh"


def after_the_first_admin(shell: Shell) -> None:
    made = re.fullmatch(r"First admin: ([\w-]+), default organisation: [\w-]+\n", shell.output)
    assert made
    items = aws.client("dynamodb").scan(TableName="ciborium-fresh-identity")["Items"]
    assert f"USER#{made.group(1)}" in {each["PK"]["S"] for each in items}
    assert (shell.home / "admin-token").stat().st_mode & 0o777 == 0o600
    said = shell.output
    shell.run(".venv/bin/python -m infra.operator first-admin < ~/admin-token")
    assert shell.output == said
    del shell.variables["CIBORIUM_STAGE"]


def before_revoking(shell: Shell) -> None:
    """A quarter of an hour passes."""
    dynamodb, name = aws.client("dynamodb"), f"ciborium-{aws.STAGE}-keys"
    former = [each for each in table_items("keys") if "retired_at" in each]
    for row in former:
        past = {"S": time_key(utc_now() - timedelta(minutes=16))}
        dynamodb.put_item(TableName=name, Item={**row, "retired_at": past, "resealed_at": past})
    shell.variables["KEY_ID"] = former[0]["PK"]["S"].removeprefix("KEY#")


def before_moving(shell: Shell) -> None:
    """The stack is told of a new key."""
    kms = aws.client("kms")
    shell.variables["KMS_KEY"] = kms.create_key()["KeyMetadata"]["Arn"]
    alias = f"alias/ciborium-{aws.STAGE}"
    kms.update_alias(AliasName=alias, TargetKeyId=shell.variables["KMS_KEY"])


def lose_everything(shell: Shell) -> None:
    empty_tables()
    assert not table_items("servers")


def copy_tables(shell: Shell) -> None:
    """Point-in-time recovery gives tables by other names; then the models are lost."""
    aws.create_stack("rescue")
    aws.client("kms").delete_alias(AliasName="alias/ciborium-rescue")  # It gives nothing else.
    dynamodb = aws.client("dynamodb")
    for table in TABLES:
        for row in table_items(table):
            dynamodb.put_item(TableName=f"ciborium-rescue-{table}", Item=row)
    for row in table_items("models"):
        key = {name: row[name] for name in ("PK", "SK")}
        dynamodb.delete_item(TableName=f"ciborium-{aws.STAGE}-models", Key=key)


def before_suspending(shell: Shell) -> None:
    """No provider can be reached from here; header values need none."""
    with shell.office.deployment.client(shell.office.mara.token) as mara:
        path = f"{SERVERS}/{shell.office.tickets}/oauth2/disconnect"
        mara.delete(path).raise_for_status()


def after_rotating(shell: Shell) -> None:
    assert "0 scopes are rotated" in shell.output
    former = {each["PK"]["S"] for each in table_items("keys") if "retired_at" in each}
    assert len(former) == 3  # The deployment's was rotated twice.


def after_resealing(shell: Shell) -> None:
    active = {each["key_id"]["S"] for each in table_items("keys") if each["SK"]["S"] == "active"}
    assert {str(each.hex()) for each in key_ids_in(sealed_values())} == {
        each.replace("-", "") for each in active
    }
    shell.office.require_everything_opens()


def everything_opens(shell: Shell) -> None:
    shell.office.require_everything_opens()


def after_destroying(shell: Shell) -> None:
    scope = f"organization:{shell.office.organization_id}"
    keys = [each for each in table_items("keys") if each.get("scope", {}).get("S") == scope]
    assert keys
    assert not any("wrapped" in each for each in keys)
    shell.office.world.connect_as(shell.office.mara.token, shell.office.tickets)


def after_moving(shell: Shell) -> None:
    records = [each for each in table_items("keys") if "wrapped" in each]
    assert {each["kms_key"]["S"] for each in records} == {shell.variables["KMS_KEY"]}


def after_suspending(shell: Shell) -> None:
    assert "1 connections of mara are forgotten, 0 revoked" in shell.output
    with shell.office.deployment.client(shell.office.mara.token) as mara:
        assert mara.get("/api/v2/users/me").status_code == 401


def after_restoring(shell: Shell) -> None:
    assert len(table_items("servers")) > 3
    assert (
        shell.office.world.list_tools(shell.office.tickets, shell.office.mara.token).status_code
        == 200
    )


def after_rescuing(shell: Shell) -> None:
    assert table_items("models")


def destroy_stack(shell: Shell) -> None:
    """Tables and key are kept, not the key's alias; another stage is deployed."""
    aws.client("kms").delete_alias(AliasName=f"alias/ciborium-{aws.STAGE}")
    aws.create_stack("next")


def after_taking_over(shell: Shell) -> None:
    deployed = shell.office.another_container(CIBORIUM_STAGE="next")
    model = deployed.services.models.find_usable(shell.office.model_id)
    assert model
    assert model.api_key == KEY
    assert states("next")[-2:] == ["begun", "done"]


def nothing(shell: Shell) -> None:
    pass


Step = Callable[[Shell], None]
SCENES: dict[str, tuple[Step, Step]] = {
    "": (nothing, nothing),
    "First admin": (before_the_first_admin, after_the_first_admin),
    "Rotate data keys": (nothing, after_rotating),
    "Re-seal": (nothing, after_resealing),
    "Revoke a key": (before_revoking, everything_opens),
    "Destroy one organisation's keys": (nothing, after_destroying),
    "Move to another KMS key": (before_moving, after_moving),
    "Back up": (nothing, nothing),
    "Restore": (lose_everything, after_restoring),
    "From point-in-time recovery or AWS Backup": (copy_tables, after_rescuing),
    "Suspend a person everywhere": (before_suspending, after_suspending),
    "Chats that were stored without an organisation": (nothing, nothing),
    "Use again what was kept": (destroy_stack, after_taking_over),
}


def test_every_command_is_run_by_somebody() -> None:
    found = sections()
    assert found.keys() >= SCENES.keys()
    unrun = found.keys() - SCENES.keys() - set(DEPLOYING)
    assert not unrun


@pytest.mark.timeout(900)
def test_the_commands_do_what_the_page_says_with_the_rights_that_it_names(shell: Shell) -> None:
    for section, commands in sections().items():
        if section not in SCENES:
            continue
        before, after = SCENES[section]
        before(shell)
        for command in commands:
            shell.run(command)
        after(shell)
    documented = rights()
    assert shell.used.keys() >= documented.keys()
    too_much = {
        name: sorted(used - documented.get(name, set())) for name, used in shell.used.items()
    }
    assert {name: beyond for name, beyond in too_much.items() if beyond} == {}
    unused = {name: sorted(documented[name] - used) for name, used in shell.used.items()}
    assert {name: rare for name, rare in unused.items() if rare} == RARE
    everything = set().union(*documented.values())
    assert everything == allowed_by_the_policy()


def rights() -> dict[str, set[str]]:
    """What the page's table says, by command, in IAM's words."""
    rows = re.findall(r"^\| `([a-z -]+)` \|(.*)\|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    return {
        name: {
            f"{service}:{action}"
            for service, cell in (("dynamodb", tables), ("kms", keys))
            for action in re.findall(r"`(\w+)`", cell)
        }
        for name, tables, keys in rows
    }


def allowed_by_the_policy() -> set[str]:
    (policy,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return {action for each in json.loads(policy)["Statement"] for action in each["Action"]}

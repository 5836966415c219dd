"""What an operator does to a stage, from the first deployment to its end, on the local AWS."""

import json
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from infra import package
from infra.local.aws import LocalAWS
from infra.releases import read_package
from tests.support.operations import (
    DEPLOYING,
    DESTROY,
    FIRST,
    ROLL_BACK,
    UPGRADE,
    make_commands_in,
    sections,
)

pytestmark = [
    pytest.mark.skipif(
        sys.version_info[:2] != package.PYTHON,
        reason="Chalice packages for the Python that it runs in, and the Lambda's is 3.13",
    ),
    pytest.mark.timeout(600),  # A busy machine takes a minute or two for each package.
]
STAGE = "dev"


@pytest.fixture(scope="module")
def newer(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with another package: its zip has one file more."""
    folder = tmp_path_factory.mktemp("newer") / "package"
    shutil.copytree(built, folder)
    with zipfile.ZipFile(folder / "ciborium.zip", "a") as archive:
        archive.writestr("newer.txt", "newer")
    return folder


@pytest.fixture(scope="module")
def broken(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package that cannot be deployed."""
    folder = tmp_path_factory.mktemp("broken") / "package"
    shutil.copytree(built, folder)
    template = read_package(built).template
    template["Resources"]["Impossible"] = {"Type": "AWS::NoSuch::Thing", "Properties": {}}
    (folder / "template.json").write_text(json.dumps(template), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAWS]:
    """A local AWS in which the tests, in their order, tell one story."""
    running = LocalAWS(tmp_path_factory.mktemp("aws"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def operate(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs a command of docs/operations.md, with more variables or others; what it printed."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)

    def run(section: str, number: int = 0, **variables: str) -> str:
        command = make_commands_in(section)[number]
        with monkeypatch.context() as patch:
            for name, value in {**dict(command.variables), "STAGE": STAGE, **variables}.items():
                patch.setenv(name, value)
            command.program().main()
        return capsys.readouterr().out

    return run


def test_nothing_happens_unless_somebody_agrees(
    operate: Callable[..., str], aws: LocalAWS, built: Path
) -> None:
    with pytest.raises(SystemExit, match="CONFIRM=yes beforehand"):
        operate(FIRST, PACKAGE=str(built))
    assert aws.client("s3").list_buckets()["Buckets"] == []
    with pytest.raises(SystemExit, match="without a bucket"):
        operate(FIRST, PACKAGE=str(built), CONFIRM="no")
    assert aws.client("cloudformation").describe_stacks()["Stacks"] == []


def test_the_first_deployment_makes_a_private_bucket_and_a_stack_that_answers(
    operate: Callable[..., str], aws: LocalAWS, built: Path
) -> None:
    said = operate(FIRST, PACKAGE=str(built), CONFIRM="yes")
    assert "add     IdentityTable" in said
    # The address is known only after a first round, and the functions must know it.
    assert "The address is known now" in said
    assert "Make the first admin" in said
    assert "Nobody is told of alarms" in said
    [stack] = aws.client("cloudformation").describe_stacks(StackName="ciborium-dev")["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    assert parameters["PublicURL"] == outputs["EndpointURL"].rstrip("/")
    assert {each["Key"]: each["Value"] for each in stack["Tags"]} == {
        "application": "ciborium",
        "stage": "dev",
    }
    url = f"{aws.endpoint}/restapis/{outputs['RestAPIId']}/api/_user_request_/api/v2/buildinfo"
    info = httpx.get(url, timeout=30).raise_for_status().json()
    assert info["dashboard_url"] == parameters["PublicURL"]

    s3 = aws.client("s3")
    [bucket] = s3.list_buckets()["Buckets"]
    block = s3.get_public_access_block(Bucket=bucket["Name"])["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    rules = s3.get_bucket_encryption(Bucket=bucket["Name"])
    assert "AES256" in str(rules)
    stored = {each["Key"] for each in s3.list_objects_v2(Bucket=bucket["Name"])["Contents"]}
    chosen = read_package(built)
    assert f"packages/{chosen.id}/ciborium.zip" in stored
    assert f"packages/{chosen.id}/template.json" in stored


def test_deploying_the_same_again_changes_nothing(operate: Callable[..., str], built: Path) -> None:
    assert "Nothing to change." in operate(UPGRADE, PACKAGE=str(built))


def test_what_would_change_is_shown_and_left_if_somebody_says_no(
    operate: Callable[..., str], aws: LocalAWS, newer: Path
) -> None:
    before = code_of(aws)
    said = operate(UPGRADE, 1, PACKAGE=str(newer))
    assert "modify  APIHandler" in said
    assert "Nothing was changed." in said
    assert code_of(aws) == before


def test_an_upgrade_is_rolled_back_by_deploying_the_earlier_package(
    operate: Callable[..., str], aws: LocalAWS, built: Path, newer: Path
) -> None:
    before = code_of(aws)
    said = operate(UPGRADE, PACKAGE=str(newer), CONFIRM="yes")
    earlier = read_package(built).id
    assert f"To go back: make deploy STAGE=dev PACKAGE={earlier}" in said
    assert code_of(aws) != before
    operate(ROLL_BACK, PACKAGE=earlier, CONFIRM="yes")
    assert code_of(aws) == before
    listed = operate(ROLL_BACK, 1).splitlines()
    assert {each.split()[-1] for each in listed} == {earlier, read_package(newer).id}


def test_a_package_that_was_never_deployed_is_not_found(operate: Callable[..., str]) -> None:
    with pytest.raises(SystemExit, match="no package 0123456789abcdef"):
        operate(ROLL_BACK, PACKAGE="0123456789abcdef")


def test_a_failed_deployment_says_which_resource_failed_and_why(
    operate: Callable[..., str], broken: Path
) -> None:
    with pytest.raises(SystemExit, match="Impossible"):
        operate(UPGRADE, PACKAGE=str(broken), CONFIRM="yes")


def test_a_stage_is_destroyed_only_by_its_name(operate: Callable[..., str], aws: LocalAWS) -> None:
    with pytest.raises(SystemExit, match="CONFIRM=dev beforehand"):
        operate(DESTROY)
    assert "Nothing was changed." in operate(DESTROY, CONFIRM="yes")
    assert "Nothing was changed." in operate(DESTROY, 1, CONFIRM="dev", CONFIRM_DATA="yes")
    assert len(aws.client("dynamodb").list_tables()["TableNames"]) == 9


def test_destroying_keeps_the_tables_and_the_key_and_says_what_they_cost(
    operate: Callable[..., str], aws: LocalAWS
) -> None:
    said = operate(DESTROY, CONFIRM="dev")
    assert "Kept:\n  ciborium-dev-" in said
    assert "the key $1 a month" in said
    assert len(aws.client("dynamodb").list_tables()["TableNames"]) == 9
    assert aws.client("lambda").list_functions()["Functions"] == []


def test_a_stage_is_not_deployed_beside_what_an_earlier_one_has_left(
    operate: Callable[..., str], built: Path
) -> None:
    with pytest.raises(SystemExit, match=r"ciborium-dev-identity.*DATA=delete"):
        operate(FIRST, PACKAGE=str(built), CONFIRM="yes")


def test_with_the_data_the_tables_and_logs_go_and_the_key_in_thirty_days(
    operate: Callable[..., str], aws: LocalAWS
) -> None:
    dynamodb, kms = aws.client("dynamodb"), aws.client("kms")
    said = operate(DESTROY, 1, CONFIRM="dev", CONFIRM_DATA="delete dev")
    assert "DELETED WITH ALL THAT IS IN THEM:" in said
    assert dynamodb.list_tables()["TableNames"] == []
    [key] = kms.list_keys()["Keys"]
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    # `aws kms cancel-key-deletion`, as the page and the program say.
    assert f"aws kms cancel-key-deletion --key-id {key['KeyArn']}" in said
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key["KeyId"])
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled"
    operate(DESTROY, 1, CONFIRM="dev", CONFIRM_DATA="delete dev")
    assert "Nothing to destroy." in operate(DESTROY, 1)


def test_after_a_first_deployment_that_failed_the_way_on_is_told(
    operate: Callable[..., str], aws: LocalAWS, broken: Path, built: Path
) -> None:
    with pytest.raises(SystemExit, match="Impossible"):
        operate(FIRST, PACKAGE=str(broken), CONFIRM="yes")
    with pytest.raises(SystemExit, match="make destroy STAGE=dev DATA=delete"):
        operate(FIRST, PACKAGE=str(built), CONFIRM="yes")
    operate(DESTROY, 1, CONFIRM="dev", CONFIRM_DATA="delete dev")
    operate(FIRST, PACKAGE=str(built), CONFIRM="yes")
    assert code_of(aws)


def test_these_sections_have_no_command_that_is_not_run_here() -> None:
    others = [
        line
        for section in DEPLOYING
        for line in sections()[section]
        if not line.startswith("make ")
    ]
    assert others == [
        "export AWS_REGION=eu-central-1",
        "git pull",
        "aws kms cancel-key-deletion --key-id KEY",
        "aws kms enable-key --key-id KEY",
    ]


def code_of(aws: LocalAWS) -> str:
    """Which code the API's function has."""
    found = aws.client("lambda").get_function(FunctionName="ciborium-dev-api")
    return str(found["Configuration"]["CodeSha256"])

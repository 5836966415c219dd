"""What an operator is shown before they agree, and what a stage is deployed with."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import stages
from infra.changes import Change, ChangeSet, describe, discard
from infra.cloudformation import DeploymentError, find_stack, known_events
from infra.stages import Parameters, load_parameters
from infra.template import additions

TABLE = "AWS::DynamoDB::Table"
TEMPLATE = {
    "Parameters": {
        "Stage": {"Type": "String"},
        "Release": {"Type": "String"},
        "PublicURL": {"Type": "String"},
        "DomainName": {"Type": "String", "Default": ""},
        "WrappingKeyARN": {"Type": "String", "Default": ""},
        "Models": {"Type": "CommaDelimitedList", "Default": ""},
        "Secret": {"Type": "String", "NoEcho": True, "Default": ""},
    }
}


def lines_of(*changes: Change) -> list[str]:
    """The table of some changes."""
    lines: list[str] = []
    describe(changes, lines.append)
    return lines


class CloudFormation:
    """As much of it as knows one stack.

    Args:
        answer: the stack's status, or the error with which its description is refused.
    """

    def __init__(self, answer: str | ClientError) -> None:
        self._answer = answer
        self.deleted: list[str] = []

    def describe_stacks(self, **request: str) -> dict[str, Any]:
        """Describe the stack."""
        if isinstance(self._answer, ClientError):
            raise self._answer
        return {"Stacks": [{"StackName": request["StackName"], "StackStatus": self._answer}]}

    def describe_stack_events(self, **_: str) -> dict[str, Any]:
        """Tell what has happened to the stack: nothing yet."""
        if isinstance(self._answer, ClientError):
            raise self._answer
        return {"StackEvents": []}

    def delete_change_set(self, **_: str) -> None:
        """Forget a change set."""

    def delete_stack(self, **request: str) -> None:
        """Delete the stack."""
        self.deleted.append(request["StackName"])


def refusal(code: str, message: str) -> ClientError:
    """An error of CloudFormation's."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


def test_a_stack_is_missing_only_if_cloudformation_says_so() -> None:
    """Or a deployment would take a throttled answer for a first one, and empty its secrets."""
    missing = refusal("ValidationError", "Stack with id ciborium-dev does not exist")
    assert find_stack(CloudFormation(missing), "ciborium-dev") is None
    assert find_stack(CloudFormation("DELETE_COMPLETE"), "ciborium-dev") is None
    for code in ("Throttling", "AccessDenied", "ExpiredToken"):
        with pytest.raises(ClientError, match=code):
            find_stack(CloudFormation(refusal(code, "Not now")), "ciborium-dev")
        with pytest.raises(ClientError, match=code):
            known_events(CloudFormation(refusal(code, "Not now")), "ciborium-dev")
    assert known_events(CloudFormation(missing), "ciborium-dev") == set()


@pytest.mark.parametrize(
    ("status", "deleted"),
    [
        ("REVIEW_IN_PROGRESS", ["ciborium-dev"]),
        ("CREATE_IN_PROGRESS", []),
        ("CREATE_COMPLETE", []),
    ],
)
def test_whoever_says_no_takes_away_no_stack_that_somebody_else_makes(
    status: str, deleted: list[str]
) -> None:
    client = CloudFormation(status)
    discard(client, ChangeSet("ciborium-dev", "arn", (), creates_stack=True))
    assert client.deleted == deleted


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (Change("Modify", "T", TABLE, "True"), "REPLACED: a new and empty one in its place"),
        (Change("Modify", "T", TABLE, "Conditional"), "MAY BE REPLACED"),
        (Change("Remove", "T", TABLE), "REMOVED"),
        (Change("Remove", "T", TABLE, policy="Delete"), "REMOVED"),
        (Change("Remove", "T", TABLE, policy="Retain"), "REMOVED FROM THE STACK, kept"),
        (Change("Modify", "T", TABLE, "False"), ""),
        (Change("Add", "T", TABLE), ""),
    ],
)
def test_what_removes_or_replaces_is_marked(change: Change, warning: str) -> None:
    assert change.warning == warning
    [line, *_] = lines_of(change)
    assert line.startswith("!!" if warning else "  ")
    assert warning in line


def test_the_marked_ones_come_first_and_are_counted() -> None:
    lines = lines_of(
        Change("Add", "Alarm", "AWS::CloudWatch::Alarm"),
        Change("Modify", "Code", "AWS::Lambda::Function", "False", ("Code",)),
        Change("Remove", "Table", TABLE),
    )
    assert [line[3:10].strip() for line in lines[:3]] == ["remove", "add", "modify"]
    assert "(Code)" in "".join(lines)
    assert lines[-1] == "\n1 to add, 1 to modify, 1 to remove. 1 of them are marked with !!."


def load(
    folder: Path,
    values: Any,
    environment: Mapping[str, str] | None = None,
    deployed: Mapping[str, str] | None = None,
) -> Parameters:
    """The parameters of a stage `prod` whose file has these values."""
    (folder / "prod.json").write_text(json.dumps(values), encoding="utf-8")
    return load_parameters(
        "prod", TEMPLATE, environment or {}, deployed=deployed or {}, folder=folder
    )


def test_a_stage_is_deployed_with_its_file_and_the_environment(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        {"Stage": "prod", "Models": ["a", "b"], "PublicURL": "https://a.example"},
        {"PARAMETER_PublicURL": "https://b.example", "PATH": "/bin"},
    )
    assert found.values == {"Stage": "prod", "Models": "a,b", "PublicURL": "https://b.example"}


def test_a_stage_with_a_domain_is_reached_there_and_another_keeps_its_address(
    tmp_path: Path,
) -> None:
    named = load(tmp_path, {"DomainName": "ciborium.example"})
    assert named.values["PublicURL"] == "https://ciborium.example"
    assert load(tmp_path, {}).values["PublicURL"] == stages.UNKNOWN_URL
    deployed = {"PublicURL": "https://made.example/api"}
    assert load(tmp_path, {}, deployed=deployed).values["PublicURL"] == deployed["PublicURL"]


def test_a_secret_stays_out_of_the_file_and_is_kept_by_the_stack(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="PARAMETER_Secret"):
        load(tmp_path, {"Secret": "hush"})
    reference = "{{resolve:secretsmanager:it}}"
    assert load(tmp_path, {"Secret": reference}).values["Secret"] == reference
    given = load(tmp_path, {}, {"PARAMETER_Secret": "hush"})
    assert given.values["Secret"] == "hush"
    assert "hush" not in repr(given)
    later = load(tmp_path, {}, deployed={"Secret": "****"})
    assert (later.kept, "Secret" in later.values) == (("Secret",), False)


def test_the_key_that_wraps_a_stages_data_keys_is_not_dropped_in_passing(tmp_path: Path) -> None:
    """The functions would lose the right to it, and with it every secret."""
    key = "arn:aws:kms:eu-central-1:111122223333:key/0a"
    deployed = {"WrappingKeyARN": key}
    with pytest.raises(DeploymentError, match="WrappingKeyARN"):
        load(tmp_path, {}, deployed=deployed)
    for wanted in (key, ""):
        found = load(tmp_path, {"WrappingKeyARN": wanted}, deployed=deployed)
        assert found.values["WrappingKeyARN"] == wanted
    assert "WrappingKeyARN" not in load(tmp_path, {}, deployed={"WrappingKeyARN": ""}).values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"Modles": "a"}, "no parameter Modles"),
        ({"Stage": "dev"}, "for another stage"),
        ({"Release": "abc"}, "no parameter Release"),
        (["PublicURL"], "must be an object"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, values: Any, message: str) -> None:
    with pytest.raises(DeploymentError, match=message):
        load(tmp_path, values)


def test_a_stage_without_a_file_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"There is no infra/stages/beta\.json"):
        load_parameters("beta", TEMPLATE, {}, deployed={}, folder=tmp_path)


@pytest.mark.parametrize("name", ["", "Prod", "1st", "prod/../x", "a" * 40])
def test_a_stages_name_is_checked(name: str) -> None:
    with pytest.raises(DeploymentError, match="Name the stage"):
        stages.require_stage(name)


def test_the_files_that_are_there_fit_the_template() -> None:
    for file in stages.FOLDER.glob("*.json"):
        found = load_parameters(file.stem, additions(), {}, deployed={})
        assert found.values["Stage"] == file.stem

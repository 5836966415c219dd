"""What the finished stack promises: domains, throttling, refusals, versions, tags, stages."""

import json
import re
from functools import cache
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from infra.cloudformation import INFRA
from infra.refusals import REFUSALS, gateway_responses
from infra.template import ALIAS, additions, complete, release

STAGES = ("dev", "staging", "prod")
# SAM's own types are in no schema of AWS's.
SAM_TYPES = {"AWS::Serverless::Api", "AWS::Serverless::Function"}


@cache
def finished() -> dict[str, Any]:
    """The template as `make package` would finish it, over a small one of Chalice's."""
    template = additions()
    resources = template["Resources"]
    uri = "arn:aws:lambda:path/2015-03-31/functions/${APIHandler.Arn}/invocations"
    method = {"x-amazon-apigateway-integration": {"uri": {"Fn::Sub": uri}}}
    resources["RestAPI"]["Type"] = "AWS::Serverless::Api"
    resources["RestAPI"]["Properties"]["DefinitionBody"] = {
        "info": {"title": "ciborium"},
        "paths": {"/healthz": {"get": method}},
    }
    resources["APIHandlerInvokePermission"]["Type"] = "AWS::Lambda::Permission"
    for name in ("APIHandler", "Turns", "Reaper", "Follow"):
        resources[name]["Type"] = "AWS::Serverless::Function"
    event = {"Type": "SQS", "Properties": {"Queue": {"Fn::Sub": "turns"}, "BatchSize": 1}}
    resources["Turns"]["Properties"]["Events"] = {"Queue": event}
    complete(template, "arm64")
    return template


def properties_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = finished()["Resources"][name]["Properties"]
    return found


def test_everything_that_takes_tags_says_which_application_and_stage_it_is_of() -> None:
    untagged = set()
    for name, resource in finished()["Resources"].items():
        kind = resource["Type"]
        if kind not in SAM_TYPES:
            schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
            if "Tags" not in schema["properties"]:
                assert "Tags" not in resource.get("Properties", {}), name
                continue
        tags = resource["Properties"].get("Tags", {})
        if isinstance(tags, list):
            tags = {each["Key"]: each["Value"] for each in tags}
        if (tags.get("application"), tags.get("stage")) != ("ciborium", {"Ref": "Stage"}):
            untagged.add(name)
    assert untagged == set()


def test_everything_that_calls_a_function_calls_its_alias() -> None:
    """A version that was published and is not called would be no deployment and no snapshot."""
    definition = properties_of("RestAPI")["DefinitionBody"]
    [integration] = [
        method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        for methods in definition["paths"].values()
        for method in methods.values()
    ]
    assert f"/${{APIHandler.Arn}}:{ALIAS}/invocations" in integration
    assert properties_of("APIHandlerInvokePermission")["FunctionName"] == {
        "Ref": "APIHandler.Alias"
    }
    follow = properties_of("FollowIntegration")["IntegrationUri"]["Fn::Sub"]
    assert f"/${{Follow.Arn}}:{ALIAS}/invocations" in follow
    assert properties_of("FollowPermission")["FunctionName"] == {"Ref": "Follow.Alias"}
    for name in ("APIHandler", "Turns", "Reaper", "Follow"):  # SAM does it for events of theirs.
        assert properties_of(name)["AutoPublishAlias"] == ALIAS


def test_a_changed_parameter_makes_a_new_version_as_a_changed_zip_does() -> None:
    template = finished()
    given = {"Stage": "prod", "PublicURL": "https://a.example"}
    releases = {
        release(template, archive, parameters)["Release"]
        for archive in (b"one", b"two")
        for parameters in (given, {**given, "PublicURL": "https://b.example"})
    }
    assert len(releases) == 4
    again = release(template, b"one", {**given, "Release": "former"})
    assert again == release(template, b"one", given)
    assert properties_of("Turns")["AutoPublishCodeSha256"] == again["Release"]
    assert re.fullmatch(template["Parameters"]["Release"]["AllowedPattern"], again["Release"])


def test_snapshots_are_for_the_functions_that_people_wait_for() -> None:
    wanted = {"Fn::If": ["SnapStarts", "PublishedVersions", "None"]}
    for name in ("APIHandler", "Turns", "Follow"):
        assert properties_of(name)["SnapStart"] == {"ApplyOn": wanted}
    assert properties_of("Reaper")["SnapStart"] == {"ApplyOn": "None"}


def test_functions_run_on_the_architecture_that_the_zip_was_built_for() -> None:
    assert properties_of("Follow")["Architectures"] == ["arm64"]
    with pytest.raises(ValueError, match="x86_64, arm64"):
        complete(finished(), "mips")


def test_a_run_of_the_clock_that_fails_is_kept_and_not_repeated() -> None:
    configured = properties_of("Reaper")["EventInvokeConfig"]
    assert configured["MaximumRetryAttempts"] == 0
    destination = configured["DestinationConfig"]["OnFailure"]
    queue = {"Fn::GetAtt": ["ReaperDeadLetterQueue", "Arn"]}
    assert destination == {"Type": "SQS", "Destination": queue}


def test_the_api_is_throttled_logged_traced_and_named_by_its_stage() -> None:
    api = properties_of("RestAPI")
    [settings] = api["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "RequestBurst"}
    assert api["TracingEnabled"] == {"Fn::If": ["Traces", True, False]}
    assert api["DefinitionBody"]["info"]["title"] == {"Fn::Sub": "ciborium-${Stage}-api"}
    assert api["OpenApiVersion"] == "2.0", "SAM would make a second stage, without any of this"


@pytest.mark.parametrize(
    ("name", "setting"), [("RestAPI", "AccessLogSetting"), ("FollowStage", "AccessLogSettings")]
)
def test_access_logs_are_json_and_hold_neither_query_strings_nor_headers(
    name: str, setting: str
) -> None:
    """OAuth codes and tickets travel in query strings; a header would not be escaped."""
    _, logged, _ = properties_of(name)[setting]["Fn::If"]
    variables = set(re.findall(r"\$context\.[\w.]+", logged["Format"]))
    assert "\n" not in logged["Format"]
    assert set(json.loads(logged["Format"]).values()) == variables
    assert "$context.requestId" in variables
    for forbidden in ("path", "querystring", "userAgent", "header", "authorizer", "domain"):
        assert not any(forbidden in each for each in variables - {"$context.resourcePath"})


def test_a_domain_closes_the_address_that_leads_around_it() -> None:
    definition = properties_of("RestAPI")["DefinitionBody"]
    closed = definition["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"]
    assert closed == {"Fn::If": ["HasDomain", True, False]}
    closed = properties_of("FollowAPI")["DisableExecuteApiEndpoint"]
    assert closed == {"Fn::If": ["HasStreamDomain", True, False]}
    for name in ("APIDomain", "FollowDomain"):
        assert "TLS_1_2" in json.dumps(properties_of(name))
        assert "REGIONAL" in json.dumps(properties_of(name))
    stage = {"Ref": "RestAPI.Stage"}
    assert properties_of("APIDomainMapping")["Stage"] == stage
    assert properties_of("FollowDomainMapping")["Stage"] == {"Ref": "FollowStage"}
    assert "${RestAPI.Stage}" in properties_of("WebACLAssociation")["ResourceArn"]["Fn::Sub"]


def test_what_api_gateway_refuses_has_our_error_body_and_nobody_elses_pages_may_read_it() -> None:
    responses = properties_of("RestAPI")["DefinitionBody"]["x-amazon-apigateway-gateway-responses"]
    assert responses == gateway_responses()
    kinds = {"THROTTLED", "WAF_FILTERED", "REQUEST_TOO_LARGE", "DEFAULT_4XX", "DEFAULT_5XX"}
    assert kinds <= responses.keys()
    for refusal in REFUSALS:
        response = responses[refusal.kind]
        body = json.loads(response["responseTemplates"]["application/json"])
        assert body.pop("request_id") == "$context.requestId"
        assert body == {"message": refusal.message, "code": refusal.code}
        headers = {each.rpartition(".")[2] for each in response["responseParameters"]}
        assert not any(each.startswith("Access-Control") for each in headers)
        assert ("Retry-After" in headers) == (refusal.status in {429, 503})
    assert responses["THROTTLED"]["statusCode"] == "429"
    assert responses["WAF_FILTERED"]["statusCode"] == "403"
    assert responses["REQUEST_TOO_LARGE"]["statusCode"] == "413"


@pytest.mark.parametrize("stage", STAGES)
def test_the_example_of_a_stage_gives_parameters_that_there_are_and_no_secret(stage: str) -> None:
    given = json.loads((INFRA / "stages" / f"{stage}.json").read_text(encoding="utf-8"))
    parameters = additions()["Parameters"]
    assert given["Stage"] == stage
    assert given.keys() <= parameters.keys() - {"Release"}
    for name, value in given.items():
        described = parameters[name]
        assert isinstance(value, str)
        assert re.fullmatch(described.get("AllowedPattern", ".*"), value), name
        allowed = described.get("AllowedValues", [value])
        assert value in map(str, allowed), name
        assert not described.get("NoEcho"), name
        if described["Type"] == "Number":
            assert described.get("MinValue", 0) <= int(value) <= described.get("MaxValue", 10**9)
    missing = {name for name, each in parameters.items() if "Default" not in each} - given.keys()
    assert missing == {"Release", "PublicURL"}, "`make deploy` finds these out"


def test_only_the_example_for_trying_out_lets_its_tables_be_deleted() -> None:
    protected = {
        stage: json.loads((INFRA / "stages" / f"{stage}.json").read_text(encoding="utf-8"))
        for stage in STAGES
    }
    assert {stage: each["DeletionProtection"] for stage, each in protected.items()} == {
        "dev": "false",
        "staging": "true",
        "prod": "true",
    }


def test_each_check_of_checkovs_that_is_skipped_has_its_reason() -> None:
    lines = (INFRA / "checkov.yaml").read_text(encoding="utf-8").splitlines()
    skipped = [line for line in lines if line.lstrip().startswith("- CKV_")]
    assert skipped
    for line in skipped:
        assert len(line.partition("#")[2]) > 30, line

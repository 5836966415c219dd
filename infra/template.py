"""The whole stack's template: Chalice's own for the functions, and ours merged into it.

Chalice merges what `additions` returns; then `complete` does what merging cannot.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping

from infra.alarms import alarm_resources
from infra.cloudformation import Template, load_template
from infra.dashboard import dashboard
from infra.refusals import gateway_responses

ARCHIVE = "ciborium.zip"  # The template and the zip lie in one folder.
ARCHITECTURES = ("x86_64", "arm64")
ALIAS = "live"
PARTS = ("data.yaml", "api.yaml", "gateway.yaml", "follow.yaml", "alarms.yaml")
_SECTIONS = ("Parameters", "Conditions", "Resources", "Outputs")
# By how they take tags. What is not here takes none; tests/infra compares with AWS's own schemas.
_TAGGED_BY_MAP = frozenset(
    {
        *("AWS::Serverless::Api", "AWS::Serverless::Function", "AWS::ApiGatewayV2::Api"),
        *("AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::Stage"),
    }
)
_TAGGED_BY_LIST = frozenset(
    {
        *("AWS::ApiGateway::DomainName", "AWS::CloudWatch::Alarm", "AWS::DynamoDB::Table"),
        *("AWS::CloudWatch::Dashboard", "AWS::IAM::Role", "AWS::KMS::Key", "AWS::Logs::LogGroup"),
        *("AWS::SNS::Topic", "AWS::SQS::Queue"),
    }
)


def additions() -> Template:
    """What our templates add to Chalice's, which deep-merges them into its own."""
    merged: Template = {section: {} for section in _SECTIONS}
    for part in map(load_template, PARTS):
        for section in _SECTIONS:
            merged[section].update(part.get(section, {}))
    merged["Resources"].update(alarm_resources(), Dashboard=dashboard())
    return {"Description": "Ciborium: governed MCP tools for AI chats.", **merged}


def functions(template: Template) -> Iterator[Template]:
    """The properties of each of a template's functions."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            yield resource["Properties"]


def complete(template: Template, architecture: str = "x86_64") -> None:
    """What merging cannot do: it would add to an event source's queue, and not replace it.

    Args:
        template: what Chalice merged; it is changed.
        architecture: what the zip's compiled wheels were built for, one of `ARCHITECTURES`.

    Raises:
        ValueError: Lambda has no such architecture.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"The architecture is one of {', '.join(ARCHITECTURES)}.")
    for function in functions(template):
        function["CodeUri"] = f"./{ARCHIVE}"
        function["Architectures"] = [architecture]
        for event in function.get("Events", {}).values():
            if event["Type"] == "SQS":
                _complete_queue(event["Properties"])
    _complete_api(template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"])
    for resource in template["Resources"].values():
        _tag(resource)


def tags_of(stage: str | Template) -> list[Template]:
    """By what a stage's resources are found, and their costs told apart.

    A stack has them too: it hands them on to what takes none in a template.
    """
    return [{"Key": "application", "Value": "ciborium"}, {"Key": "stage", "Value": stage}]


def release(template: Template, archive: bytes, parameters: Mapping[str, str]) -> dict[str, str]:
    """Prepare a deployment: the functions get a new version if anything of theirs has changed.

    SAM publishes one when the zip has changed, or this hash; it sees no changed parameter. Real
    CloudFormation would put the parameter in, the local AWS does not.

    Args:
        template: what is deployed; it is changed.
        archive: the zip.
        parameters: what the stack is given.

    Returns:
        The parameters with `Release` among them.
    """
    digest = hashlib.sha256(hashlib.sha256(archive).digest())
    given = {name: value for name, value in parameters.items() if name != "Release"}
    digest.update(json.dumps(given, sort_keys=True).encode())
    given["Release"] = digest.hexdigest()
    for function in functions(template):
        function["AutoPublishCodeSha256"] = given["Release"]
    return given


def _complete_queue(properties: Template) -> None:
    # Chalice writes the name that app.py gives, and knows no partial batch responses.
    properties["Queue"] = {"Fn::GetAtt": ["TurnsQueue", "Arn"]}
    properties["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
    # Steps wait for models for minutes; they shall leave the API its share of the account's
    # concurrency.
    properties["ScalingConfig"] = {"MaximumConcurrency": {"Ref": "StepsAtOnce"}}


def _complete_api(definition: Template) -> None:
    """Call the alias, refuse in our words, and close the default address if there is a domain.

    SAM takes no condition for the latter, and Chalice gives all stages' APIs one name.
    """
    definition["info"]["title"] = {"Fn::Sub": "ciborium-${Stage}-api"}
    definition["x-amazon-apigateway-gateway-responses"] = gateway_responses()
    definition["x-amazon-apigateway-endpoint-configuration"] = {
        "disableExecuteApiEndpoint": {"Fn::If": ["HasDomain", True, False]}
    }
    for methods in definition["paths"].values():
        for method in methods.values():
            if isinstance(method, dict) and (
                integration := method.get("x-amazon-apigateway-integration")
            ):
                uri = integration["uri"]["Fn::Sub"]
                aliased = uri.replace("${APIHandler.Arn}/", f"${{APIHandler.Arn}}:{ALIAS}/")
                integration["uri"] = {"Fn::Sub": aliased}


def _tag(resource: Template) -> None:
    properties = resource.setdefault("Properties", {})
    if resource["Type"] in _TAGGED_BY_MAP:
        ours = {each["Key"]: each["Value"] for each in tags_of({"Ref": "Stage"})}
        properties["Tags"] = {**properties.get("Tags", {}), **ours}
    elif resource["Type"] in _TAGGED_BY_LIST:
        properties["Tags"] = tags_of({"Ref": "Stage"})

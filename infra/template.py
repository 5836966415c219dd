"""The whole stack's template: Chalice's own for the functions, and ours merged into it.

Chalice merges what `additions` returns; then `complete` does what merging cannot.
"""

from collections.abc import Iterator

from infra.cloudformation import Template, load_template

ARCHIVE = "ciborium.zip"  # The template and the zip lie in one folder.
ARCHITECTURES = ("x86_64", "arm64")


def additions() -> Template:
    """What our templates add to Chalice's, which deep-merges them into its own."""
    data, api = load_template("data.yaml"), load_template("api.yaml")
    return {
        "Description": "Ciborium: governed MCP tools for AI chats.",
        "Parameters": {**data["Parameters"], **api["Parameters"]},
        "Conditions": api["Conditions"],
        "Resources": {**data["Resources"], **api["Resources"]},
        "Outputs": api["Outputs"],
    }


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
                # Chalice writes the name that app.py gives, and knows no partial batch responses.
                event["Properties"]["Queue"] = {"Fn::GetAtt": ["TurnsQueue", "Arn"]}
                event["Properties"]["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
                # Steps wait for models for minutes; they shall leave the API its share of the
                # account's concurrency.
                event["Properties"]["ScalingConfig"] = {
                    "MaximumConcurrency": {"Ref": "StepsAtOnce"}
                }

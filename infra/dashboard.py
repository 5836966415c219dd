"""The CloudWatch dashboard of a stage: what whoever runs it looks at first.

Our own metrics are those of docs/observability.md; CloudWatch's own need no code of ours
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
"""

import json

from infra.cloudformation import Template

_WIDTH, _COLUMNS, _HEIGHT = 24, 3, 6
_FUNCTIONS = ("api", "turns", "reaper", "follow")
_TABLES = (
    *("identity", "organizations", "servers", "connections", "chats", "models"),
    *("idempotency", "audit", "keys"),
)
_API = ("ApiName", "ciborium-${Stage}-api", "Stage", "api")
Metric = list[object]


def dashboard() -> Template:
    """The dashboard as a resource of the stack."""
    body = json.dumps({"start": "-PT3H", "widgets": _widgets()})
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": {"Fn::Sub": "ciborium-${Stage}"},
            "DashboardBody": {"Fn::Sub": body},
        },
    }


def _widgets() -> list[Template]:
    text = (
        "# Ciborium, stage ${Stage}\n"
        "[What an alarm means and what to do](${RunbookURL}/alarms.md) · "
        "[The operator's tasks](${RunbookURL}/operations.md) · "
        "[Logs and metrics](${RunbookURL}/observability.md) · [API](${PublicURL}/api/v2/buildinfo)"
    )
    head = {"type": "text", "x": 0, "y": 0, "width": _WIDTH, "height": 2}
    placed: list[Template] = [{**head, "properties": {"markdown": text}}]
    width = _WIDTH // _COLUMNS
    for number, (title, stat, metrics) in enumerate(_graphs()):
        row, column = divmod(number, _COLUMNS)
        place = {"x": column * width, "y": 2 + row * _HEIGHT, "width": width, "height": _HEIGHT}
        properties = {
            "title": title,
            "view": "timeSeries",
            "region": "${AWS::Region}",
            "stat": stat,
            "period": 60,
            "metrics": metrics,
        }
        placed.append({"type": "metric", **place, "properties": properties})
    return placed


def _graphs() -> list[tuple[str, str, list[Metric]]]:
    """Each graph's title, statistic and metrics, in the order in which one would ask."""
    return [
        ("Requests", "Sum", [_api("Count"), _api("4XXError"), _api("5XXError")]),
        ("Requests: ms", "p50", [_api("Latency"), _api("Latency", stat="p95")]),
        ("Server errors", "Sum", _own("ServerErrors", "api", "follow")),
        ("Functions: errors", "Sum", _lambda("Errors")),
        ("Functions: throttled", "Sum", _lambda("Throttles")),
        ("Functions: cold starts", "Sum", _own("ColdStarts", *_FUNCTIONS)),
        ("Functions: ms, p95", "p95", _lambda("Duration")),
        ("Functions: at once", "Maximum", _lambda("ConcurrentExecutions")),
        ("Turns: hints", "Maximum", [_queue("turns"), _queue("turns-dead"), _queue("reaper-dead")]),
        (
            "Turns: age of the oldest hint, s",
            "Maximum",
            [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "ciborium-${Stage}-turns"]],
        ),
        ("Failed steps and tasks", "Sum", _own("FailedSteps", "turns") + _failed_tasks()),
        ("Tokens", "Sum", _own("InputTokens", *_ASKERS) + _own("OutputTokens", *_ASKERS)),
        ("Cost of models: US dollars", "Sum", _own("Cost", *_ASKERS)),
        ("Tool calls", "Sum", _own("ToolCalls", *_ASKERS) + _own("ToolCallFailures", *_ASKERS)),
        (
            "Connections: token refreshes",
            "Sum",
            _own("TokenRefreshes", *_ASKERS) + _own("TokenRefreshFailures", *_ASKERS),
        ),
        ("Data keys that could not be had", "Sum", _own("EncryptionFailures", *_ASKERS)),
        ("KMS: calls", "Sum", _own("KMSCalls", *_ASKERS)),
        ("DynamoDB, KMS, SQS: throttled", "Sum", _own("Throttles", *_FUNCTIONS)),
        ("DynamoDB: units read, by table", "Sum", _tables("ConsumedReadCapacityUnits")),
        ("DynamoDB: units written, by table", "Sum", _tables("ConsumedWriteCapacityUnits")),
        ("DynamoDB: requests throttled, by table", "Sum", _tables("ThrottledRequests")),
    ]


_ASKERS = ("api", "turns")  # Who calls models and tools, and opens what is sealed.


def _api(metric: str, **options: object) -> Metric:
    return ["AWS/ApiGateway", metric, *_API, *([options] if options else [])]


def _own(metric: str, *functions: str) -> list[Metric]:
    return [
        ["Ciborium", metric, "Stage", "${Stage}", "Function", function] for function in functions
    ]


def _failed_tasks() -> list[Metric]:
    return _own("FailedTasks", "reaper")


def _lambda(metric: str) -> list[Metric]:
    names = [f"ciborium-${{Stage}}-{function}" for function in _FUNCTIONS]
    return [["AWS/Lambda", metric, "FunctionName", name] for name in names]


def _queue(name: str) -> Metric:
    queue = f"ciborium-${{Stage}}-{name}"
    return ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]


def _tables(metric: str) -> list[Metric]:
    """One line per table; ThrottledRequests has its data by operation, so CloudWatch searches."""
    names = [f"ciborium-${{Stage}}-{table}" for table in _TABLES]
    if metric == "ThrottledRequests":
        search = "SEARCH('{{AWS/DynamoDB,Operation,TableName}} TableName=\"{}\" {}', 'Sum')"
        return [
            [{"expression": f"SUM({search.format(name, metric)})", "label": name}] for name in names
        ]
    return [["AWS/DynamoDB", metric, "TableName", name] for name in names]

"""The CloudWatch alarms of a stage: docs/alarms.md says what each means and what to do.

Missing data: a metric that counts has no data when nothing happens, which is fine, so it does not
break the alarm; but where silence itself is the fault, it does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from infra.cloudformation import Template

FUNCTIONS = {"API": "api", "Turns": "turns", "Reaper": "reaper", "Follow": "follow"}
_FIVE_MINUTES = 300


@dataclass(frozen=True)
class Alarm:
    """One alarm.

    Attributes:
        name: its logical id, and the end of its name.
        text: what is wrong when it rings.
        metric: the namespace and the metric.
        dimensions: as the metric has them; the values may be intrinsic functions.
        threshold: what is too much, or a parameter's name.
        below: whether it is too little instead.
        statistic: one of CloudWatch's; a percentile begins with p.
        period: what is added up or averaged, in seconds.
        periods: how many of them are looked at.
        breaching: how many of them must be too much; all if None.
        missing: what no data means.
    """

    name: str
    text: str
    metric: tuple[str, str]
    dimensions: Mapping[str, str | Template]
    threshold: int | str = 1
    below: bool = False
    statistic: str = "Sum"
    period: int = _FIVE_MINUTES
    periods: int = 1
    breaching: int | None = None
    missing: Literal["notBreaching", "breaching"] = "notBreaching"


def alarms() -> Iterator[Alarm]:
    """All alarms of a stage."""
    yield from _of_functions()
    yield from _of_requests()
    yield from _of_queues()
    yield from _of_work()


def alarm_resources() -> Template:
    """The alarms as resources of the stack, by their logical ids."""
    return {each.name: _resource(each) for each in alarms()}


def _of_functions() -> Iterator[Alarm]:
    for name, function in FUNCTIONS.items():
        dimensions = {"FunctionName": _sub(function)}
        yield Alarm(
            f"{name}Errors",
            f"The function {function} crashed, or ran out of time or memory.",
            ("AWS/Lambda", "Errors"),
            dimensions,
        )
        yield Alarm(
            f"{name}Throttles",
            f"Lambda refused to start the function {function}: too many run already.",
            ("AWS/Lambda", "Throttles"),
            dimensions,
        )
    yield Alarm(
        "ReaperSilent",
        "The clock has not started the reaper for ten minutes.",
        ("AWS/Lambda", "Invocations"),
        {"FunctionName": _sub("reaper")},
        below=True,
        periods=2,
        missing="breaching",
    )


def _of_requests() -> Iterator[Alarm]:
    dimensions: dict[str, str | Template] = {"ApiName": _sub("api"), "Stage": "api"}
    yield Alarm(
        "APIServerErrors",
        "Requests were answered with a status of 500 or more.",
        ("AWS/ApiGateway", "5XXError"),
        dimensions,
        threshold=3,
        period=60,
        periods=5,
        breaching=2,
    )
    yield Alarm(
        "APISlow",
        "One request in twenty takes longer than the parameter SlowMilliseconds says.",
        ("AWS/ApiGateway", "Latency"),
        dimensions,
        threshold="SlowMilliseconds",
        statistic="p95",
        periods=3,
    )


def _of_queues() -> Iterator[Alarm]:
    waiting = ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    turns = {"QueueName": _sub("turns")}
    yield Alarm(
        "TurnsDeadLetters",
        "A chat's step failed five times.",
        waiting,
        {"QueueName": _sub("turns-dead")},
        statistic="Maximum",
    )
    yield Alarm(
        "ReaperDeadLetters",
        "A run of the reaper failed.",
        waiting,
        {"QueueName": _sub("reaper-dead")},
        statistic="Maximum",
    )
    yield Alarm(
        "TurnsQueueAge",
        "A hint has been in the queue for 20 minutes.",
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        turns,
        threshold=1200,  # One that failed comes again after 18 minutes.
        statistic="Maximum",
    )
    yield Alarm(
        "TurnsBacklog",
        "Fifty chats have waited for five minutes, as StepsAtOnce others are worked on.",
        waiting,
        turns,
        threshold=50,
        statistic="Minimum",
        period=60,
        periods=5,
    )


def _of_work() -> Iterator[Alarm]:
    """By what the functions print about themselves: docs/observability.md."""
    yield Alarm(
        "FailedSteps",
        "Steps of chats failed.",
        ("Ciborium", "FailedSteps"),
        _own("turns"),
        threshold=3,
    )
    yield Alarm(
        "FailedTasks",
        "What the reaper does each minute failed twice in five minutes.",
        ("Ciborium", "FailedTasks"),
        _own("reaper"),
        period=60,
        periods=5,
        breaching=2,
    )
    # It catches its own errors, and API Gateway counts no refused socket as one of ours.
    yield Alarm(
        "FollowServerErrors",
        "Sockets were refused because of a fault of ours.",
        ("Ciborium", "ServerErrors"),
        _own("follow"),
        threshold=3,
        period=60,
        periods=5,
        breaching=2,
    )
    for name in ("API", "Turns"):
        function = FUNCTIONS[name]
        yield Alarm(
            f"{name}EncryptionFailures",
            f"The function {function} could not make or unwrap a data key.",
            ("Ciborium", "EncryptionFailures"),
            _own(function),
        )
        yield Alarm(
            f"{name}StorageThrottles",
            f"DynamoDB, KMS or SQS told the function {function} to slow down.",
            ("Ciborium", "Throttles"),
            _own(function),
            threshold=20,
        )


def _sub(end: str) -> Template:
    return {"Fn::Sub": f"ciborium-${{Stage}}-{end}"}


def _own(function: str) -> dict[str, str | Template]:
    return {"Stage": {"Ref": "Stage"}, "Function": function}


def _resource(alarm: Alarm) -> Template:
    namespace, metric = alarm.metric
    over, under = "GreaterThanOrEqualToThreshold", "LessThanThreshold"
    threshold = alarm.threshold
    kind = "ExtendedStatistic" if alarm.statistic.startswith("p") else "Statistic"
    properties = {
        "AlarmName": _sub(alarm.name),
        "AlarmDescription": f"{alarm.text} See {alarm.name} in docs/alarms.md.",
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in alarm.dimensions.items()],
        kind: alarm.statistic,
        "Period": alarm.period,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.breaching or alarm.periods,
        "ComparisonOperator": under if alarm.below else over,
        "Threshold": {"Ref": threshold} if isinstance(threshold, str) else threshold,
        "TreatMissingData": alarm.missing,
        "AlarmActions": [{"Ref": "AlarmTopic"}],
        "OKActions": [{"Ref": "AlarmTopic"}],
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}

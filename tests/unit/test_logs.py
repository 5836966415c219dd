"""What a log line may hold, and that nothing else gets into one."""

import ast
import json
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib import logs
from chalicelib.bootstrap import services_from_environment
from chalicelib.invocations import observed
from chalicelib.metrics import UNITS, Metric, count
from tests.support.emf import metrics_of

ROOT = Path(__file__).parents[2]
SECRETS: tuple[object, ...] = (
    "Bearer abc.def",
    "eyJhbGciOiJSUzI1NiJ9." + "eyJzdWIiOiJtYXJhIn0" * 20 + ".c2ln",
    "https://login.example/callback?code=sentinel&state=sentinel",
    "https://user:sentinel@login.example",
    "grant_type=refresh_token&refresh_token=sentinel",
    "p!ssw0rd, s3ntinel",
    b"sentinel",
    {"Authorization": "sentinel"},
    ["Cookie: sentinel"],
    ValueError("sentinel"),
    object(),
)


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("ciborium", logging.ERROR, "", 0, message, None, None)
    made.fields = fields
    return made


def line_of(made: logging.LogRecord, stage: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(logs.JSONFormatter(stage).format(made))
    return found


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Configures the log as the product does; what was printed since."""
    touched = [logging.getLogger(name) for name in ("", "ciborium", "ciborium.invocations")]
    before = [(each, each.handlers[:], each.level, each.propagate) for each in touched]

    def printed() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    yield printed
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.mark.parametrize("name", logs.FIELDS)
def test_no_declared_field_takes_a_secret(name: str) -> None:
    for secret in SECRETS:
        line = line_of(record("request", **{name: secret}))
        assert line[name] == "***", secret
        assert line["masked"] == 1


def test_a_field_that_is_not_declared_is_left_out() -> None:
    line = line_of(record("request", authorization="sentinel", body={"a": "sentinel"}, status=200))
    assert line.keys() == {"time", "level", "message", "status", "masked"}
    assert line["masked"] == 2


def test_a_message_is_never_filled_in() -> None:
    made = record("GET %s")
    made.args = ("/?code=sentinel",)
    assert line_of(made)["message"] == "GET %s"


def test_of_an_exception_only_its_type_and_place_are_told() -> None:
    made = record("It failed.")
    try:
        json.loads("sentinel")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = line_of(made)
    assert line["exception"] == "JSONDecodeError"
    assert line["frames"][0].endswith("test_of_an_exception_only_its_type_and_place_are_told")
    assert "sentinel" not in json.dumps(line)


def test_of_what_libraries_log_only_who_did_is_printed(lines: Any) -> None:
    logs.configure("DEBUG", "prod")
    for name in ("botocore.endpoint", "httpx", "urllib3.connectionpool", "asyncio"):
        logging.getLogger(name).debug("GET https://x.example/?code=sentinel")
        logging.getLogger(name).error("GET %s", "https://x.example/?code=sentinel")
        # Even if somebody has them say everything.
        talkative = record("code=sentinel")
        talkative.name = name
        logging.getLogger(name).handle(talkative)
    printed = lines()
    assert "sentinel" not in json.dumps(printed)
    told = {each["logger"] for each in printed}
    assert told == {"botocore.endpoint", "httpx", "urllib3.connectionpool", "asyncio"}


def test_a_line_that_cannot_be_written_is_lost_without_its_text(
    lines: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("INFO")
    [handler] = logs.get_logger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(None)  # As when standard output is closed.
    fields = {"status": float("nan"), "authorization": "sentinel"}
    logs.get_logger().error("A push was refused.", extra={"fields": fields})
    told = capsys.readouterr().err
    assert json.loads(told)["message"] == "A log line was lost."


def test_every_message_in_the_source_is_a_constant_and_every_field_is_declared() -> None:
    """So that no f-string carries into a line what no field may."""
    calls = 0
    for source in [*(ROOT / "chalicelib").rglob("*.py"), *(ROOT / "infra" / "local").glob("*.py")]:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if ast.unparse(node.func).startswith("get_logger()."):
                calls += 1
                [message] = node.args
                assert isinstance(message, ast.Constant), f"{source}:{node.lineno}"
                assert {each.arg for each in node.keywords} <= {"extra"}, source
    assert calls > 12


def test_every_noted_field_is_declared() -> None:
    noted: set[str] = set()
    for source in (ROOT / "chalicelib").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "note":
                noted |= {each.arg for each in node.keywords if each.arg}
    assert {"actor_id", "model", "status"} <= noted <= logs.FIELDS.keys()


def test_an_invocation_s_line_carries_its_metrics_in_cloudwatch_s_format(lines: Any) -> None:
    logs.configure("INFO", "prod")
    before = time.time_ns() // 1_000_000
    with observed("turns", "turn", None):
        for metric in Metric:
            count(metric, 0.5)
    after = time.time_ns() // 1_000_000
    [line] = lines()
    assert before <= line["_aws"]["Timestamp"] <= after
    assert (line["Stage"], line["Function"]) == ("prod", "turns")
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Ciborium"
    assert directive["Dimensions"] == [["Stage", "Function"]]
    assert metrics_of(line).keys() == {each.value for each in UNITS}
    assert {each["Name"]: each["Unit"] for each in directive["Metrics"]} == UNITS
    assert metrics_of(line)["Requests"] == 1.5


def test_what_was_not_counted_is_no_metric_except_for_faults(lines: Any) -> None:
    """Each metric that is sent costs money; a share of faults needs the nought."""
    logs.configure("INFO", "prod")
    with observed("api", "request", None):
        pass
    with observed("api", "request", None):
        pass
    line = lines()[-1]
    assert metrics_of(line).keys() == {"Requests", "Duration", "ServerErrors"}
    assert line["ServerErrors"] == 0


def test_where_metrics_are_sent_the_line_is_written_at_every_level(lines: Any) -> None:
    for stage, expected in (("prod", 1), (None, 0)):
        logs.configure("ERROR", stage)
        with observed("api", "request", None):
            logs.get_logger().warning("A push was refused.")
        assert len(lines()) == expected


def test_only_in_lambda_lines_are_made_for_cloudwatch(
    lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIBORIUM_STAGE", "prod")
    monkeypatch.setenv("CIBORIUM_PUBLIC_URL", "https://ciborium.example")
    for name, expected in (("ciborium-prod-api", True), ("", False)):
        monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
        if name:
            monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", name)
        services_from_environment()()
        with observed("api", "request", None):
            pass
        [line] = lines()
        assert ("_aws" in line) is expected
        assert ("Duration" in line) is expected
        assert line["duration_ms"] >= 0


def test_a_failure_that_nobody_caught_is_on_the_line_and_goes_on(lines: Any) -> None:
    logs.configure("INFO", "prod")
    with pytest.raises(RuntimeError), observed("reaper", "reaper", None):
        raise RuntimeError("sentinel")
    [line] = lines()
    assert (line["level"], line["exception"], line["outcome"]) == (
        "ERROR",
        "RuntimeError",
        "failed",
    )
    assert line["ServerErrors"] == 1
    assert "sentinel" not in json.dumps(line)


def test_lines_of_one_invocation_are_found_by_its_id(lines: Any) -> None:
    class Context:
        aws_request_id = "8f5c5f5e-0000-4000-8000-000000000001"

    logs.configure("INFO")
    with observed("turns", "turn", Context()):
        logs.get_logger().warning("A step failed.")
    warning, line = lines()
    assert warning["request_id"] == line["request_id"] == Context.aws_request_id
    assert warning["function"] == "turns"


def test_the_trace_is_named_on_the_line(lines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    root = "1-5759e988-bd862e3fe1be46a994272793"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1")
    logs.configure("INFO")
    with observed("api", "request", None):
        pass
    assert lines()[0]["trace_id"] == root

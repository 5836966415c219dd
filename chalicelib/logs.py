"""Structured logs: one JSON object a line, on standard output, where Lambda collects it.

A secret cannot get into a line by the way it is made: a field must be declared in `FIELDS` and its
value be of the kind that is declared there; messages are never filled in; of what libraries log,
only who did is printed. docs/observability.md describes the fields.
"""

import json
import logging
import string
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from chalicelib.metrics import DIMENSIONS, NAMESPACE, UNITS, Metric, find_invocation

_OURS = "ciborium"
_INVOCATIONS = "ciborium.invocations"
# httpx logs whole URLs; authorization codes travel in them.
_TALKATIVE = ("httpx", "httpcore", "botocore", "pynamodb", "urllib3")
_MASK = "***"
# Others are left out when there is nothing to tell: each metric that is sent costs money.
_ALWAYS = frozenset({Metric.REQUESTS, Metric.DURATION, Metric.SERVER_ERRORS})
# The line's other fields tell the same; without CloudWatch nobody needs it again.
_TOLD_TWICE = _ALWAYS | {
    *(Metric.COLD_STARTS, Metric.INPUT_TOKENS, Metric.OUTPUT_TOKENS, Metric.COST),
    *(Metric.DYNAMODB_CALLS, Metric.KMS_CALLS, Metric.OUTBOUND_CALLS),
    *(Metric.READ_UNITS, Metric.WRITE_UNITS),
}

Kind = Callable[[object], bool]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _made_of(characters: str, longest: int) -> Kind:
    """A short text of few characters. No regular expression: a cold start would compile it."""
    allowed = frozenset(characters)

    def is_made_of_them(value: object) -> bool:
        return isinstance(value, str) and len(value) <= longest and allowed.issuperset(value)

    return is_made_of_them


def _one_of(*words: str) -> Kind:
    return lambda value: value in words


def _numbers(*names: str) -> Kind:
    return lambda value: (
        isinstance(value, Mapping)
        and value.keys() <= set(names)
        and all(map(_number, value.values()))
    )


_HEX, _ALPHANUMERIC = string.hexdigits.lower(), string.ascii_letters + string.digits
_snake_case = _made_of(string.ascii_lowercase + string.digits + "_", 64)
_aws_id = _made_of(_ALPHANUMERIC + "_=-", 40)
_place = _made_of(_ALPHANUMERIC + "_/.:<>- ", 400)
_model_name = _made_of(_ALPHANUMERIC + "_.:/@+-", 128)
_path = _made_of(_ALPHANUMERIC + "/_{}.-", 200)
_hyphenated_hex = _made_of(_HEX + "-", 36)


def _uuid(value: object) -> bool:
    return isinstance(value, str) and value.count("-") == 4 and _hyphenated_hex(value)


def _issuer(value: object) -> bool:
    """A URL that carries neither a user nor a query."""
    return (
        isinstance(value, str)
        and (value == "" or value.startswith(("https://", "http://")))
        and len(value) <= 512
        and value.isprintable()
        and not frozenset("@?# ").intersection(value)
    )


def _route(value: object) -> bool:
    return isinstance(value, str) and value.startswith("/") and _path(value)


def _model(value: object) -> bool:
    return _model_name(value) and "//" not in str(value)


def _frame(value: object) -> bool:
    """A place and what it is called, such as `/var/task/app.py:12 handler`."""
    return _place(value) and str(value).rpartition(" ")[0].rpartition(":")[2].isdecimal()


def _frames(value: object) -> bool:
    return isinstance(value, list) and all(map(_frame, value))


FIELDS: Mapping[str, Kind] = {
    "function": _one_of("api", "turns", "reaper", "follow"),
    "request_id": _aws_id,
    "lambda_request_id": _aws_id,
    "trace_id": _made_of(_HEX + "-", 35),
    "method": _one_of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
    "route": _route,
    "event": _one_of("CONNECT", "DISCONNECT", "MESSAGE"),
    "status": _number,
    "outcome": _one_of("done", "failed", "dropped"),
    "code": _snake_case,
    "duration_ms": _number,
    "cold_start": _flag,
    "actor_id": _uuid,
    "chat_id": _uuid,
    "server_id": _uuid,
    "message_id": _aws_id,
    "connection_id": _aws_id,
    "step": _one_of("model", "tools"),
    "model": _model,
    "model_config_id": _uuid,
    "input_tokens": _number,
    "output_tokens": _number,
    "cost": _number,
    "woken": _number,
    "files": _number,
    "tools": _number,
    "calls": _numbers("dynamodb", "kms", "sqs", "pushes", "outbound"),
    "units": _numbers("read", "write"),
    "exception": _made_of(_ALPHANUMERIC + "_.<>", 128),
    "frames": _frames,
    "aws_code": _made_of(_ALPHANUMERIC + "_.", 64),
    "host": _made_of(string.ascii_lowercase + string.digits + ".-:[]", 255),
    "from": _issuer,
    "to": _issuer,
    "pid": _number,
    "operation": _snake_case,
}
"""What a line may tell, and of which kind it is.

Beside them `time`, `level`, `message` and `logger` are there, and `masked`: how many were not good.
"""


class JSONFormatter(logging.Formatter):
    """A record as JSON; what a caller adds is under `extra={"fields": {...}}`.

    Args:
        stage: of which stage the metrics of an invocation's line are published through CloudWatch's
            embedded metric format; None: the line is for people, and shorter.
    """

    def __init__(self, stage: str | None = None) -> None:
        super().__init__()
        self._stage = stage

    def format(self, record: logging.LogRecord) -> str:
        """One line. Tracebacks are left out: their text may carry a secret."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            **_describe_source(record),
            **_mask(_find_fields(record)),
        }
        counts: Mapping[Metric, float] | None = getattr(record, "counts", None)
        if counts is not None:
            line.update(self._embed(counts, record))
        return json.dumps(line, ensure_ascii=False, allow_nan=False)

    def _embed(
        self, counts: Mapping[Metric, float], record: logging.LogRecord
    ) -> dict[str, object]:
        """The metrics, and what tells CloudWatch that they are some.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
        """
        published = {
            each.value: counts.get(each, 0) for each in UNITS if counts.get(each) or each in _ALWAYS
        }
        if self._stage is None:
            return {name: value for name, value in published.items() if name not in _TOLD_TWICE}
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(DIMENSIONS)],
            "Metrics": [{"Name": name, "Unit": UNITS[Metric(name)]} for name in published],
        }
        fields: Mapping[str, object] = getattr(record, "fields", {})
        return {
            "Stage": self._stage,
            "Function": fields.get("function", ""),
            **published,
            "_aws": {"Timestamp": int(record.created * 1000), "CloudWatchMetrics": [directive]},
        }


class _Output(logging.StreamHandler):  # type: ignore[type-arg]  # It takes none when it runs.
    """Where lines go."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- logging's name
        """Say that a line is lost; logging itself would print the record with all that is in it."""
        lost = {"level": "ERROR", "message": "A log line was lost.", "logger": record.name}
        sys.stderr.write(json.dumps(lost) + "\n")


def get_logger() -> logging.Logger:
    """The one logger of the product."""
    return logging.getLogger(_OURS)


def log_invocation(
    level: int, message: str, fields: Mapping[str, object], counts: Mapping[Metric, float]
) -> None:
    """Write the one line of an invocation."""
    extra = {"fields": fields, "counts": counts}
    logging.getLogger(_INVOCATIONS).log(level, message, extra=extra)


def configure(level: str, stage: str | None = None) -> None:
    """Send the log to standard output at `level`; quieten the libraries.

    With a stage its metrics are published, and an invocation's line, which carries them, is written
    whatever the level.
    """
    handler = _Output(sys.stdout)
    handler.setFormatter(JSONFormatter(stage))
    logger = get_logger()
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
    logging.getLogger(_INVOCATIONS).setLevel(logging.INFO if stage else logging.NOTSET)
    root = logging.getLogger()  # Lambda's own handler would print texts of libraries.
    root.handlers[:] = [handler]
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def describe_exception(exc: BaseException) -> dict[str, object]:
    """Where an exception came from, without its text, which may quote a secret."""
    frames = []
    traceback = exc.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return {"exception": type(exc).__qualname__, "frames": frames[-12:]}


def _describe_source(record: logging.LogRecord) -> dict[str, object]:
    """A message of ours as it stands in the source; of a library's only whose it is."""
    if record.name in {_OURS, _INVOCATIONS} and isinstance(record.msg, str):
        return {"message": record.msg}
    return {"message": "A library has something to say.", "logger": record.name}


def _find_fields(record: logging.LogRecord) -> dict[str, object]:
    """The record's fields, after those by which the lines of one invocation are found."""
    fields: dict[str, object] = {}
    invocation = find_invocation()
    if invocation is not None:
        fields = {"function": invocation.function, "request_id": invocation.request_id}
    if record.exc_info and record.exc_info[1] is not None:
        fields.update(describe_exception(record.exc_info[1]))
    fields.update(getattr(record, "fields", {}))
    return fields


def _mask(fields: Mapping[str, object]) -> dict[str, object]:
    """The declared fields; a value of the wrong kind is masked, and how many were is told."""
    shown: dict[str, object] = {}
    masked = 0
    for name, value in fields.items():
        kind = FIELDS.get(name)
        if value is None:
            continue
        if kind is None:
            masked += 1
            continue
        is_good = kind(value)
        masked += not is_good
        shown[name] = value if is_good else _MASK
    return {**shown, "masked": masked} if masked else shown

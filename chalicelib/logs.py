"""Structured logs: one JSON object a line, on standard output, where Lambda collects it."""

import json
import logging
import sys
from datetime import UTC, datetime

_OURS = "ciborium"
# httpx logs whole URLs; authorization codes travel in them.
_TALKATIVE = ("httpx", "httpcore", "botocore", "pynamodb", "urllib3")


class JSONFormatter(logging.Formatter):
    """A record as JSON; what a caller adds is under `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line. Tracebacks are left out: their text may carry a secret."""
        fields = getattr(record, "fields", {})
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": record.getMessage(),
            **fields,
        }
        return json.dumps(line, default=str, ensure_ascii=False)


def get_logger() -> logging.Logger:
    """The one logger of the product."""
    return logging.getLogger(_OURS)


def configure(level: str) -> None:
    """Send the product's log to standard output at `level`; quieten the libraries."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JSONFormatter())
    logger = get_logger()
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
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

"""What a command that failed says, and its exit code."""

import json
from typing import Any

import click
from pydantic import ValidationError

from ..base import to_document
from ..exceptions import (
    APIError,
    ConnectRequiredError,
    SDKError,
    UnauthenticatedError,
    UnavailableError,
    UnreachableError,
)
from .output import clean

REFUSED = 1
USAGE = 2
CONNECT_REQUIRED = 3
UNREACHABLE = 4


class Problem(click.ClickException):
    """The command cannot do what it was asked to; the message says what to do."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


def exit_code_of(error: Exception) -> int:
    """The exit code that an error stands for."""
    match error:
        case Problem():
            return error.code
        case ConnectRequiredError():
            return CONNECT_REQUIRED
        case UnreachableError() | UnavailableError():
            return UNREACHABLE
        case ValidationError():
            return USAGE
        case _:
            return REFUSED


def describe(error: Exception) -> str:
    """An error in one line that says what to do."""
    match error:
        case ConnectRequiredError():
            return f"{error.message} Run `ciborium connect`, or open {error.connect_url}"
        case UnauthenticatedError():
            return f"{error} Run `ciborium login`."
        case UnreachableError():
            return f"{error} Check the address and your network, then try again."
        case ValidationError():
            return "; ".join(
                f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}"
                for each in error.errors(
                    include_url=False, include_context=False, include_input=False
                )
            )
        case click.ClickException():
            return error.format_message()
        case _:
            return str(error)


def report(error: SDKError | ValidationError | Problem, *, as_json: bool) -> int:
    """Say on standard error what went wrong; the exit code."""
    code = exit_code_of(error)
    if not as_json:
        click.echo(f"Error: {clean(describe(error))}", err=True)
        return code
    body: dict[str, Any] = {"message": describe(error), "exit_code": code}
    if isinstance(error, APIError):
        body |= {
            "message": error.message,
            "status": error.status,
            "code": error.code,
            "detail": error.detail or None,
            "validations": [to_document(each) for each in error.validations] or None,
            "request_id": error.request_id,
            "connect_url": error.connect_url,
        }
    body = {name: value for name, value in body.items() if value is not None}
    click.echo(json.dumps({"error": body}), err=True)
    return code

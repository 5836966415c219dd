"""From a provider's error, as a status or inside a stream, to ours."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from chalicelib.egress import parse_json
from chalicelib.errors import CiboriumError
from chalicelib.sdk.retrying import parse_retry_after
from chalicelib.turns.providers.answer import as_object
from chalicelib.turns.providers.errors import (
    ContextTooLongError,
    ModelCredentialsError,
    ModelError,
    ModelQuotaError,
    ModelRateLimitedError,
    ModelRejectedError,
    ModelTimeoutError,
    ModelUnavailableError,
)

_MAX_ERROR_BYTES: Final = 64 * 1024
_MAX_RETRY_AFTER: Final = 24 * 3600
_TOO_LONG = re.compile(
    "context.?length|context.?window|prompt is too long|input is too long|too many (input )?tokens"
    "|maximum (context|number of (input )?tokens)|maximum input length|reduce the length",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(
    "insufficient_quota|billing_error|credit balance|exceeded your current quota", re.IGNORECASE
)
# What the codes of errors inside a stream would have been as a status, lower case. Anthropic's,
# OpenAI's, Bedrock's; a code that is not here is a failure on the provider's side.
_STATUS_OF: Final = {
    "invalid_request_error": 400,
    "validationexception": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "insufficient_quota": 429,
    "permission_error": 403,
    "accessdeniedexception": 403,
    "not_found_error": 404,
    "resourcenotfoundexception": 404,
    "timeout_error": 408,
    "modeltimeoutexception": 408,
    "request_too_large": 413,
    "context_length_exceeded": 400,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "throttlingexception": 429,
    "servicequotaexceededexception": 429,
}

_Told = tuple[type[ModelError], str]
"""An error, and what it says; `{}` is where the status goes."""

_NO_CREDIT_LEFT: _Told = (
    ModelQuotaError,
    "The account at the model's provider has no credit left{}.",
)
_CONTEXT_TOO_LONG: _Told = (
    ContextTooLongError,
    "The conversation is too long for the model{}.",
)
_FAILING: _Told = (
    ModelUnavailableError,
    "The model's provider is overloaded or failing{}. Try again later.",
)
_REJECTED: _Told = (
    ModelRejectedError,
    "The model's provider does not take the request{}. An admin can check the model's settings.",
)
_KEY_REFUSED: _Told = (
    ModelCredentialsError,
    "The model's provider refuses the API key for this model{}. An admin can correct it.",
)
_BY_STATUS: dict[int, _Told] = {
    401: _KEY_REFUSED,
    403: _KEY_REFUSED,
    404: (
        ModelRejectedError,
        "The model's provider knows no such model{}. An admin can correct its name or the URL.",
    ),
    408: (ModelTimeoutError, "The model did not answer its provider in time{}."),
    429: (ModelRateLimitedError, "The model's provider takes no more requests for now{}."),
}


def read_failure(
    provider: str, status: int, headers: Mapping[str, str], body: Iterator[bytes]
) -> ModelError:
    """The error that an answer with an error status is; its body is looked at, never repeated."""
    code, message = _describe(_read_start(body))
    code = headers.get("x-amzn-errortype", "").partition(":")[0] or code
    if code.lower() == "servicequotaexceededexception":
        status = 429  # Bedrock sends it with 400.
    error = _classify(provider, status, f"{code} {message}", f" (HTTP status {status})")
    error.status_code = status
    error.retry_after = _retry_after(headers)
    return error


def stream_failure(provider: str, error: Any, code: str = "") -> ModelError:
    """The error that an event of a stream is; its HTTP status had been 200."""
    sent, message = _describe({"error": error})
    for each in (code, *sent.split()):
        status = int(each) if re.fullmatch("[45][0-9][0-9]", each) else _STATUS_OF.get(each.lower())
        if status:
            return _classify(provider, status, f"{sent} {message}", "")
    return _classify(provider, 500, "", "")


def _describe(body: Any) -> tuple[str, str]:
    """The codes and the message, from wherever the APIs put them."""
    outer = as_object(body)
    error = as_object(outer.get("error")) or outer
    codes = [str(each) for each in (error.get("code"), error.get("type")) if each]
    message = error.get("message") or (body if isinstance(body, str) else "")
    return " ".join(codes)[:500], str(message)[:2000]


def _read_start(body: Iterator[bytes]) -> Any:
    """As much of an error's body as matters, as JSON or text; nothing if it cannot be read."""
    read = b""
    try:
        for chunk in body:
            read += chunk
            if len(read) > _MAX_ERROR_BYTES:
                break
    except CiboriumError:
        pass
    try:
        return parse_json(read)
    except ValueError:
        return read.decode("utf-8", "replace")


def _retry_after(headers: Mapping[str, str]) -> int:
    seconds = parse_retry_after(headers.get("Retry-After")) or 0
    return min(-int(-seconds // 1), _MAX_RETRY_AFTER)


def _classify(provider: str, status: int, told: str, where: str) -> ModelError:
    """`where` is what the message says of the status."""
    if status == 402 or (status in {400, 403, 429} and _NO_CREDIT.search(told)):
        error, text = _NO_CREDIT_LEFT
    elif status == 413 or (status in {400, 422} and _TOO_LONG.search(told)):
        error, text = _CONTEXT_TOO_LONG
    elif status in {409, 424} or status >= 500:
        error, text = _FAILING
    else:
        error, text = _BY_STATUS.get(status, _REJECTED)
    return error(provider, text.format(where))

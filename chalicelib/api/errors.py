"""The one place where errors become HTTP."""

from typing import TYPE_CHECKING

from chalicelib.api.replies import Reply, json_reply
from chalicelib.errors import (
    CiboriumError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
    UpstreamError,
    UpstreamTimeoutError,
    Validation,
)
from chalicelib.sdk.errors import ErrorBody, FieldError

if TYPE_CHECKING:
    from pydantic import ValidationError

_STATUS: tuple[tuple[type[CiboriumError], int], ...] = (
    (InvalidInputError, 400),
    (UnauthenticatedError, 401),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (PayloadTooLargeError, 413),
    (RateLimitedError, 429),
    (UpstreamError, 502),
    (UnavailableError, 503),
    (UpstreamTimeoutError, 504),
)


class InvalidBodyError(InvalidInputError):
    """The request's body is not what the endpoint takes."""

    code = "invalid_body"


class ForeignOriginError(ForbiddenError):
    """A browser sent the session cookie along with another site's request."""

    code = "foreign_origin"

    def __init__(self) -> None:
        super().__init__(
            "This request comes from another site. "
            "Requests that change something must come from Ciborium's own pages."
        )


class BodyTooLargeError(PayloadTooLargeError):
    """The body is over the limit."""

    code = "body_too_large"


def status_of(error: CiboriumError) -> int:
    """The HTTP status of an error, by its kind."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def build_error_body(error: CiboriumError, request_id: str) -> ErrorBody:
    """An error as the one error body."""
    return ErrorBody(
        message=error.message,
        code=error.code,
        request_id=request_id,
        detail=error.detail or None,
        validations=[FieldError(field=v.field, detail=v.detail) for v in error.validations] or None,
        **error.extra(),
    )


def error_reply(error: CiboriumError, request_id: str) -> Reply:
    """An error with its status and headers."""
    reply = json_reply(build_error_body(error, request_id), status_of(error))
    if error.retry_after:
        reply.headers["Retry-After"] = str(error.retry_after)
    return reply


def plain_error_reply(status: int, code: str, message: str, request_id: str) -> Reply:
    """An error that has no exception of ours: the framework's, or an unforeseen one."""
    return json_reply(ErrorBody(message=message, code=code, request_id=request_id), status)


def body_error(error: "ValidationError", sent: object) -> InvalidBodyError:
    """What pydantic found wrong, by field; never the value itself, which may be a secret.

    Args:
        error: pydantic's.
        sent: the body as JSON, or None if it is none.
    """
    validations = []
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        if found["type"] == "json_invalid":
            return InvalidBodyError("The body is not valid JSON.", detail=found["msg"])
        path = _path_in(sent, found["loc"])
        if found["type"].startswith("union_tag_"):
            path += ".type"  # By which all of our unions are told apart.
        validations.append(Validation(path, found["msg"].removeprefix("Value error, ")))
    if any(not validation.field for validation in validations):
        return InvalidBodyError("The body must be a JSON object.")
    return InvalidBodyError("Validation failed.", validations=validations)


def _path_in(sent: object, location: tuple[int | str, ...]) -> str:
    """Where in the body something is: pydantic's location without the names of its types."""
    path, node = [], sent
    for number, part in enumerate(location):
        is_last = number == len(location) - 1
        if (
            isinstance(node, dict)
            and not is_last
            and (part not in node or node.get("type") == part)
        ):
            continue  # The type that pydantic chose from a union, not a member.
        path.append(str(part))
        node = _find_in(node, part)
    return ".".join(path)


def _find_in(node: object, part: int | str) -> object:
    if isinstance(node, dict):
        return node.get(part)
    is_there = isinstance(node, list) and isinstance(part, int) and part < len(node)
    return node[part] if is_there else None  # type: ignore[index]


class InvalidQueryError(InvalidInputError):
    """A query parameter is unusable."""

    code = "invalid_query"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("Invalid query.", validations=[Validation(field, detail)])

"""Every error that the SDK raises on purpose.

    SDKError
    ├── UnreachableError            no answer: the connection failed, or took too long
    └── APIError                    the answer is an error
        ├── InvalidRequestError     400, 413, 415
        ├── UnauthenticatedError    401
        ├── ForbiddenError          403
        ├── NotFoundError           404
        ├── ConflictError           409, 412
        │   ├── UsageLimitError         the user has spent what they may, until `resets_at`
        │   ├── ToolApprovalRequiredError   ask the user, then repeat it with `approved`
        │   └── ConnectRequiredError        open `connect_url` in a browser, then repeat
        │       └── StepUpRequiredError     the same, for further permissions
        ├── RateLimitedError        429, after all retries
        ├── UpstreamError           502, 504: another server failed
        └── UnavailableError        503, after all retries

No message holds the token or what was sent.
"""

from pydantic import ValidationError

from .errors import ErrorBody, FieldError
from .reading import read_json


class SDKError(Exception):
    """The root of all errors of the SDK."""


class UnreachableError(SDKError):
    """The deployment did not answer."""


class APIError(SDKError):
    """The deployment refused.

    Attributes:
        status: the HTTP status.
        code: what happened, short and stable, for programs; empty if something other than Ciborium
            answered.
        message: the same for people.
        detail: more of it, or empty.
        validations: the fields of the request that are wrong.
        request_id: what the deployment's log calls the request.
        tool_name: the tool that it is about, if it is about one.
        connect_url: where to connect to an MCP server first, if that is what is missing.
        retry_after: after how many seconds to try again, if the deployment said so.
    """

    def __init__(self, status: int, body: ErrorBody, *, retry_after: float | None = None) -> None:
        super().__init__(body.message)
        self.status = status
        self.code = body.code
        self.message = body.message
        self.detail = body.detail or ""
        self.validations: tuple[FieldError, ...] = tuple(body.validations or ())
        self.request_id = body.request_id
        self.tool_name = body.tool_name
        self.connect_url = body.connect_url
        self.retry_after = retry_after

    def __str__(self) -> str:
        fields = "; ".join(f"{each.field}: {each.detail}" for each in self.validations)
        return " ".join(part for part in (self.message, self.detail, fields) if part)


class InvalidRequestError(APIError):
    """The request must be changed; `validations` name the fields."""


class UnauthenticatedError(APIError):
    """There is no token, or it is unknown, expired or revoked."""


class ForbiddenError(APIError):
    """The caller may not do this."""


class NotFoundError(APIError):
    """There is no such thing, or the caller may not know that there is."""


class ConflictError(APIError):
    """The request contradicts the current state: a name taken, a version passed."""


class UsageLimitError(ConflictError):
    """The user has spent what they may spend this month.

    Attributes:
        spent_micros: what they have spent, in millionths of a dollar.
        limit_micros: what they may spend.
        resets_at: when the count begins anew.
    """

    def __init__(self, status: int, body: ErrorBody, *, retry_after: float | None = None) -> None:
        super().__init__(status, body, retry_after=retry_after)
        self.spent_micros = body.spent_micros
        self.limit_micros = body.limit_micros
        self.resets_at = body.resets_at


class ToolApprovalRequiredError(ConflictError):
    """The user must be asked before this tool is called: repeat it with `approved=True` then."""


class ConnectRequiredError(ConflictError):
    """The caller must connect to the MCP server at `connect_url` first."""


class StepUpRequiredError(ConnectRequiredError):
    """The caller's connection lacks permissions, which connecting again asks for."""


class RateLimitedError(APIError):
    """Too many requests."""


class UpstreamError(APIError):
    """Another server refused, answered nonsense, or did not answer."""


class UnavailableError(APIError):
    """Something that the deployment needs is out of reach."""


_BY_CODE: dict[str, type[APIError]] = {
    "connect_required": ConnectRequiredError,
    "step_up_required": StepUpRequiredError,
    "tool_approval_required": ToolApprovalRequiredError,
    "usage_limit": UsageLimitError,
}
_BY_STATUS: dict[int, type[APIError]] = {
    400: InvalidRequestError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    429: RateLimitedError,
    502: UpstreamError,
    503: UnavailableError,
    504: UpstreamError,
}


def build_api_error(status: int, content: bytes, retry_after: float | None = None) -> APIError:
    """The error that an answer stands for."""
    try:
        body = read_json(ErrorBody, content)
    except ValidationError:  # A proxy's or gateway's own page; what it says is not for our users.
        message = f"The server answered with HTTP status {status} and not in Ciborium's words."
        body = ErrorBody(message=message, code="", request_id="")
    kind = _BY_CODE.get(body.code) or _BY_STATUS.get(status, APIError)
    return kind(status, body, retry_after=retry_after)

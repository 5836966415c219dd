"""Why a model did not answer. What its provider wrote is never repeated, nor the key."""

from typing import ClassVar, Literal

from chalicelib.errors import UpstreamError

ModelErrorKind = Literal[
    "rate_limited",
    "unavailable",
    "rejected",
    "credentials",
    "broken_answer",
    "timeout",
    "context_too_long",
]


class ModelError(UpstreamError):
    """The root of these.

    Attributes:
        kind: which of them, stable, for the API.
        provider: the kind of provider, such as `openai`.
        retryable: whether the same request may succeed later.
        status_code: the provider's HTTP status, if it answered with an error.
        retry_after: seconds, if the provider said how long to wait; otherwise 0.
    """

    code = "model_error"
    kind: ClassVar[ModelErrorKind] = "unavailable"
    retryable: bool = False

    def __init__(
        self, provider: str, message: str, *, status_code: int | None = None, retry_after: int = 0
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.status_code = status_code
        self.retry_after = retry_after


class ModelRateLimitedError(ModelError):
    """Too many requests, or too many tokens, for now."""

    code = "model_rate_limited"
    kind = "rate_limited"
    retryable = True


class ModelQuotaError(ModelRateLimitedError):
    """The account at the provider has no credit left: waiting does not help."""

    code = "model_quota_exceeded"
    retryable = False


class ModelUnavailableError(ModelError):
    """The provider cannot be reached, is overloaded, or failed."""

    code = "model_unavailable"
    kind = "unavailable"
    retryable = True


class ModelRejectedError(ModelError):
    """The provider does not take the request, or does not know the model."""

    code = "model_rejected"
    kind = "rejected"


class ModelCredentialsError(ModelError):
    """The provider does not take the key, or the key may not use the model."""

    code = "model_credentials_refused"
    kind = "credentials"


class ModelAnswerError(ModelError):
    """The answer is not what the API promises, too large, or only half of one."""

    code = "model_answer_broken"
    kind = "broken_answer"
    retryable = True


class ModelTimeoutError(ModelError):
    """The answer was not complete when the budget was spent."""

    code = "model_timeout"
    kind = "timeout"
    retryable = True


class ContextTooLongError(ModelError):
    """The prompt does not fit into the model's context."""

    code = "model_context_too_long"
    kind = "context_too_long"

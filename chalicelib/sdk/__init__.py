"""The Ciborium SDK: `Client`, its errors, and the wire types in modules of their own.

The server uses the wire types, and must not load an HTTP client with them at each cold start: the
names below are therefore loaded when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import VERSION

if TYPE_CHECKING:
    from .chat_session import ChatSession
    from .client import Client
    from .exceptions import (
        APIError,
        ConflictError,
        ConnectRequiredError,
        ForbiddenError,
        InvalidRequestError,
        NotFoundError,
        RateLimitedError,
        SDKError,
        StepUpRequiredError,
        ToolApprovalRequiredError,
        UnauthenticatedError,
        UnavailableError,
        UnreachableError,
        UpstreamError,
        UsageLimitError,
    )
    from .experimental import ExperimentalClient
    from .retrying import RetryPolicy

__all__ = [
    "APIError",
    "ChatSession",
    "Client",
    "ConflictError",
    "ConnectRequiredError",
    "ExperimentalClient",
    "ForbiddenError",
    "InvalidRequestError",
    "NotFoundError",
    "RateLimitedError",
    "RetryPolicy",
    "SDKError",
    "StepUpRequiredError",
    "ToolApprovalRequiredError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnreachableError",
    "UpstreamError",
    "UsageLimitError",
    "__version__",
]

__version__ = VERSION
_HOMES = {
    "ChatSession": "chat_session",
    "Client": "client",
    "ExperimentalClient": "experimental",
    "RetryPolicy": "retrying",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES.get(name, 'exceptions')}", __name__), name)

"""Guarded outbound HTTP: what leaves this product leaves through `Egress`."""

from chalicelib.egress.client import Egress, EgressResponse, EgressStream
from chalicelib.egress.deadline import Deadline
from chalicelib.egress.errors import (
    EgressConnectionError,
    EgressRefusedError,
    EgressResponseError,
    EgressTimeoutError,
)
from chalicelib.egress.resolving import Resolver

__all__ = [
    "Deadline",
    "Egress",
    "EgressConnectionError",
    "EgressRefusedError",
    "EgressResponse",
    "EgressResponseError",
    "EgressStream",
    "EgressTimeoutError",
    "Resolver",
]

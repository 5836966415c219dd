"""Guarded outbound HTTP: what leaves this product leaves through `Egress`."""

from chalicelib.egress.call import EgressResponse, EgressStream
from chalicelib.egress.client import Egress
from chalicelib.egress.deadline import Deadline
from chalicelib.egress.errors import (
    EgressConnectionError,
    EgressRefusedError,
    EgressResponseError,
    EgressTimeoutError,
)
from chalicelib.egress.probing import NetworkStep, ProbedStep
from chalicelib.egress.resolving import Resolver
from chalicelib.egress.strict_json import parse_json

__all__ = [
    "Deadline",
    "Egress",
    "EgressConnectionError",
    "EgressRefusedError",
    "EgressResponse",
    "EgressResponseError",
    "EgressStream",
    "EgressTimeoutError",
    "NetworkStep",
    "ProbedStep",
    "Resolver",
    "parse_json",
]

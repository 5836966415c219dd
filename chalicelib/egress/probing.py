"""What becomes of a connection, step by step; for telling people what is wrong with a server."""

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.errors import CiboriumError


class NetworkStep(StrEnum):
    """What a connection takes, in order; plain http has no TLS, and succeeds in it."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class ProbedStep:
    """One step: how long it took, and why it failed, if it did."""

    step: NetworkStep
    seconds: float
    error: CiboriumError | None = None

"""Which step of using a server an error belongs to, and what to do about it; pure functions."""

from chalicelib.egress import (
    EgressConnectionError,
    EgressRefusedError,
    EgressResponseError,
    EgressTimeoutError,
)
from chalicelib.errors import CiboriumError
from chalicelib.mcp_client.errors import MCPProtocolError, MCPServerError, NotAnEndpointError
from chalicelib.mcp_client.trace import Trace
from chalicelib.sdk.mcp_tools import Step

_OF_THE_WIRE = (
    *(EgressConnectionError, EgressRefusedError, EgressResponseError, EgressTimeoutError),
    *(MCPServerError, MCPProtocolError),
)
_STEPS = {
    "initialize": Step.INITIALIZE,
    "notifications/initialized": Step.INITIALIZE,
    "tools/list": Step.LIST,
}
_HINTS = {
    Step.DNS: "Check the host in the server's URL.",
    Step.TCP: "Check that the server runs, and the port in its URL.",
    Step.TLS: "The server's operator must mend that.",
    Step.AUTH: "Check what is entered for auth_type.",
    Step.INITIALIZE: "The server does not take part in MCP's handshake.",
    Step.LIST: "The server is reached, and does not list its tools.",
}


def find_failed_step(error: CiboriumError, trace: Trace) -> Step:
    """The step in which listing a server's tools failed, once a connection could be made."""
    exchanges = trace.exchanges
    if not exchanges or exchanges[-1].status in {401, 403} or not isinstance(error, _OF_THE_WIRE):
        return Step.AUTH
    has_spoken = any(each.status and each.status < 300 for each in exchanges)
    named = [each.method for each in exchanges if each.method in _STEPS]
    if isinstance(error, MCPServerError) and error.rpc_code is not None and named:
        return _STEPS[named[-1]]
    if isinstance(error, NotAnEndpointError) or not has_spoken:
        return Step.HTTP
    return _STEPS.get(exchanges[-1].method, Step.HTTP)


def explain(step: Step, error: CiboriumError) -> str:
    """What went wrong, and what to do; without a word of the server's own."""
    if isinstance(error, EgressRefusedError) or "connect_url" in error.extra():
        return error.message  # It says what to do.
    if step is not Step.HTTP:
        return f"{error.message} {_HINTS[step]}"
    status = error.status if isinstance(error, MCPServerError) else 200
    if status >= 500 or status == 429:
        return f"{error.message} The server is overloaded, or has a problem of its own."
    if isinstance(error, MCPServerError):
        return f"{error.message} Is its URL an MCP endpoint, and the transport the right one?"
    return error.message

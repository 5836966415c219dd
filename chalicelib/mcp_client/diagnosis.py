"""Testing the connection to a server: each step, and what to do about the one that fails."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from chalicelib.egress import Egress, ProbedStep
from chalicelib.errors import CiboriumError, UnavailableError
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.mcp_client.caller import ServerCaller
from chalicelib.mcp_client.client import MCPClient, Target
from chalicelib.mcp_client.failures import explain, find_failed_step
from chalicelib.mcp_client.governing import GovernedTool, govern_all
from chalicelib.mcp_client.models import ToolListing
from chalicelib.mcp_client.ports import ApprovedTools
from chalicelib.mcp_client.session import Era
from chalicelib.mcp_client.trace import Trace
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.sdk.mcp_servers import AuthType
from chalicelib.sdk.mcp_tools import Step

# API Gateway waits 29 seconds: this, a listing's ten, and what refreshing a token takes.
_PROBE_SECONDS = 8.0
_WELL = {
    Step.DNS: "The name resolves to addresses that may be reached.",
    Step.TCP: "The server accepts connections.",
    Step.TLS: "The certificate is trusted.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of one step.

    Attributes:
        step: which.
        ok: whether it went well, or was not needed.
        skipped: whether there was nothing to do, or an earlier step failed.
        seconds: that it took.
        detail: what was found, or went wrong and what to do about it; fit for an admin.
        error: what failed.
    """

    step: Step
    ok: bool
    skipped: bool = False
    seconds: float = 0.0
    detail: str
    error: CiboriumError | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Every step in order; `tools` if they could be listed."""

    steps: Sequence[StepResult]
    trace: Trace
    tools: Sequence[GovernedTool] | None = None


class DiagnosisService:
    """Tests connections for admins; lives as long as the container."""

    def __init__(
        self,
        servers: MCPServerService,
        access: ServerCaller,
        approved: ApprovedTools,
        client: MCPClient,
        egress: Egress,
    ) -> None:
        self._servers = servers
        self._access = access
        self._approved = approved
        self._client = client
        self._egress = egress

    def diagnose(self, actor: Actor, server_id: str) -> Diagnosis:
        """Reach a server and list its tools through the actor's own connection, step by step.

        The network's steps are taken on a connection of their own, so that one which is open
        already hides nothing.

        Raises:
            NotAllowedError: the actor may not.
            InvalidServerIDError, ServerNotFoundError: there is no such server.
            UnavailableError kinds: something of ours is out of reach.
        """
        actor.require(Permission.MCP_SERVER_READ)
        server = self._servers.require_visible(actor, server_id)
        trace = Trace()
        probed = self._egress.probe(server.url, budget=_PROBE_SECONDS)
        steps = [_describe(each, server) for each in probed]
        if steps and not steps[-1].ok:
            return Diagnosis(_complete(steps), trace)
        started = time.monotonic()
        found = self._list(actor, server, trace)
        seconds = time.monotonic() - started
        if isinstance(found, ToolListing):
            steps += _describe_use(server, trace, seconds, found, None)
            approved = self._approved.find_hashes(server)
            return Diagnosis(_complete(steps), trace, govern_all(server, approved, found))
        steps += _describe_use(server, trace, seconds, None, found)
        return Diagnosis(_complete(steps), trace)

    def _list(self, actor: Actor, server: MCPServer, trace: Trace) -> ToolListing | CiboriumError:
        connection = self._access.find_connections(actor, [server])[server.id]
        try:
            return self._access.use(
                actor,
                server,
                connection,
                "tools/list",
                lambda access: self._client.list_tools(access.target, trace),
            )
        except UnavailableError:
            raise  # It is we who are not well.
        except CiboriumError as exc:
            if not trace.exchanges:
                # There is nothing to send, but whether the server answers can be seen without.
                return self._find_worse(server, trace) or exc
            return exc

    def _find_worse(self, server: MCPServer, trace: Trace) -> CiboriumError | None:
        """What is wrong with a server even before it asks for credentials."""
        anonymous = Target(server.url, {}, server.transport)
        error: CiboriumError | None = None
        try:
            self._client.list_tools(anonymous, trace)
        except CiboriumError as exc:
            error = exc
        is_worse = error is not None and find_failed_step(error, trace) is Step.HTTP
        return error if is_worse else None


def _describe(probed: ProbedStep, server: MCPServer) -> StepResult:
    step = Step(probed.step.value)
    if probed.error is not None:
        detail = explain(step, probed.error)
        return StepResult(
            step=step, ok=False, seconds=probed.seconds, detail=detail, error=probed.error
        )
    if step is Step.TLS and urlsplit(server.url).scheme == "http":
        return StepResult(step=step, ok=True, skipped=True, detail="Plain http has no TLS.")
    return StepResult(step=step, ok=True, seconds=probed.seconds, detail=_WELL[step])


def _describe_use(
    server: MCPServer,
    trace: Trace,
    seconds: float,
    listing: ToolListing | None,
    error: CiboriumError | None,
) -> list[StepResult]:
    """The steps above the network, up to the one that failed."""
    failed = find_failed_step(error, trace) if error else None
    first = trace.exchanges[0] if trace.exchanges else None
    status = first.status if first else None
    handshakes = [each.seconds for each in trace.exchanges if each.method == "initialize"]
    durations = {
        Step.HTTP: first.seconds if first and first.status else 0.0,
        Step.INITIALIZE: handshakes[-1] if handshakes else 0.0,
    }
    durations[failed or Step.LIST] = max(0.0, seconds - sum(durations.values()))
    well = {
        Step.HTTP: (f"The server answers; to the first request with HTTP status {status}.", False),
        Step.AUTH: ("The server takes the credentials.", False),
        Step.INITIALIZE: (f"Both speak protocol version {trace.protocol_version}.", False),
        Step.LIST: (f"The server lists {len(listing.tools) if listing else 0} tools.", False),
    }
    if server.auth_type is AuthType.NONE:
        well[Step.AUTH] = ("This server is used without credentials.", True)
    if trace.era in {"", Era.MODERN.value}:
        version = trace.protocol_version
        text = f"Protocol version {version} has no handshake." if version else "None was made."
        well[Step.INITIALIZE] = (text, True)
    results = []
    for step, (detail, skipped) in well.items():
        took = durations.get(step, 0.0)
        if step is failed and error is not None:
            told = explain(step, error)
            results.append(StepResult(step=step, ok=False, seconds=took, detail=told, error=error))
            break
        results.append(StepResult(step=step, ok=True, skipped=skipped, seconds=took, detail=detail))
    return results


def _complete(steps: Sequence[StepResult]) -> list[StepResult]:
    """The steps, and those that were not come to."""
    known = {each.step: each for each in steps}
    # Where the network is replaced, in tests, there is nothing to probe.
    reached = any(each.step not in {Step.DNS, Step.TCP, Step.TLS} for each in steps)
    return [
        known.get(step)
        or StepResult(
            step=step,
            ok=reached and step in {Step.DNS, Step.TCP, Step.TLS},
            skipped=True,
            detail="Not looked at.",
        )
        for step in Step
    ]

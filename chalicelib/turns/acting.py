"""A step in which tools are called: a whole batch at once, with the owner's own connections."""

from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from time import monotonic

from chalicelib.chats import states
from chalicelib.chats.models import Chat, Decision, OpenCall
from chalicelib.chats.repository import ChatRepository
from chalicelib.chats.transition import Transition
from chalicelib.errors import CiboriumError
from chalicelib.logs import describe_exception, get_logger
from chalicelib.mcp_client.identity_headers import Origin
from chalicelib.mcp_client.models import ToolCall as ServerCall
from chalicelib.mcp_client.service import ToolService
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.metrics import carried, note
from chalicelib.sdk.chats import MessageRole, ToolCall, ToolResult
from chalicelib.turns import builtin, finding
from chalicelib.turns.builtin import BuiltinToolError
from chalicelib.turns.results import build, convert, fit
from chalicelib.turns.steps import Outcome, Step
from chalicelib.turns.toolbox import Toolboxes
from chalicelib.workspaces.service import WorkspaceService

CALL_SECONDS = 60.0
_BATCH_SECONDS = 100.0
_AT_ONCE = 8
_LOOKED_EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one call, and the workspace that it made, if it made one."""

    result: ToolResult
    workspace_id: str | None = None


class Acting:
    """Calls tools for chats; lives as long as the container."""

    def __init__(
        self,
        repository: ChatRepository,
        toolboxes: Toolboxes,
        tools: ToolService,
        workspaces: WorkspaceService,
    ) -> None:
        self._repository = repository
        self._toolboxes = toolboxes
        self._tools = tools
        self._workspaces = workspaces

    def run(self, step: Step) -> Outcome:
        """Make the chat's open calls, all of them; each gets a result, whatever happens.

        Calls are made at least once: a worker that is lost between the last call and the commit
        leaves them to be made again, each under the id that it had.
        """
        note(step="tools")
        chat = step.chat
        arguments = self._find_arguments(chat)
        servers = self._toolboxes.find_servers(step.actor, step.membership, chat)

        def make(call: OpenCall) -> _Done:
            try:
                return self._make(step, call, arguments.get(call.id), servers)
            except CiboriumError as exc:
                return _Done(build(call, _explain(exc), is_error=True))
            except Exception as exc:  # noqa: BLE001 -- the other calls' results are worth having
                fields = {
                    "chat_id": chat.id,
                    "server_id": call.server_id,
                    **describe_exception(exc),
                }
                get_logger().error("A tool call failed.", extra={"fields": fields})
                return _Done(build(call, "The call failed on our side.", is_error=True))

        threads = ThreadPoolExecutor(max_workers=min(len(chat.open_calls), _AT_ONCE))
        asked = {call.id: threads.submit(carried(make), call) for call in chat.open_calls}
        _wait(step, asked)
        threads.shutdown(wait=False, cancel_futures=True)
        done = [_result(step, call, asked[call.id]) for call in chat.open_calls]
        results = fit([each.result for each in done])
        made = next((each.workspace_id for each in done if each.workspace_id), None)

        def apply(making: Transition) -> None:
            making.say(MessageRole.TOOL, results)
            if made is not None and making.chat.workspace_id is None:
                making.chat = replace(making.chat, workspace_id=made)
            making.apply(lambda each, now: states.go_on(each, (), now))

        return Outcome(apply)

    def _find_arguments(self, chat: Chat) -> dict[str, object]:
        """What the model wrote for each call, by the call's id."""
        said = self._repository.find_message(chat.id, chat.last_assistant_message_id)
        parts = said.parts if said is not None else ()
        return {part.tool_call_id: part.args for part in parts if isinstance(part, ToolCall)}

    def _make(
        self, step: Step, call: OpenCall, arguments: object, servers: Mapping[str, MCPServer]
    ) -> _Done:
        if call.decision in {Decision.DENIED, Decision.WAITING}:
            return _Done(build(call, "The user denied this call.", is_error=True))
        if not isinstance(arguments, Mapping):
            return _Done(build(call, "The arguments are no JSON object.", is_error=True))
        if call.server_id is None:
            return self._make_own(step, call, arguments)
        if call.server_id not in servers:
            gone = "This tool's server cannot be used in this chat any more."
            return _Done(build(call, gone, is_error=True))
        wanted = ServerCall(
            name=call.name,
            arguments=arguments,
            approved=call.decision is Decision.APPROVED,
            id=call.id,
            seconds=CALL_SECONDS,
        )
        origin = Origin(step.chat.id, step.chat.workspace_id or "")
        answered = self._tools.call_tool(step.actor, call.server_id, wanted, origin)
        return _Done(convert(call, answered))

    def _make_own(self, step: Step, call: OpenCall, arguments: Mapping[str, object]) -> _Done:
        chat = step.chat
        if call.tool_name == finding.FIND_TOOLS:
            box = self._toolboxes.fill(step.actor, step.membership, chat)
            return _Done(build(call, finding.find(box, arguments)))
        if call.tool_name == builtin.CREATE_WORKSPACE.name:
            try:
                made = builtin.create_workspace(
                    self._workspaces, step.actor, chat.organization_id, arguments
                )
            except BuiltinToolError as exc:
                return _Done(build(call, str(exc), is_error=True))
            return _Done(build(call, f"Created the workspace {made.name} ({made.id})."), made.id)
        return _Done(build(call, f"There is no tool called {call.tool_name}.", is_error=True))


def _wait(step: Step, asked: Mapping[str, "Future[_Done]"]) -> None:
    """Until all calls are made, the owner interrupts, or the time is up."""
    end = monotonic() + _BATCH_SECONDS
    waiting = set(asked.values())
    while waiting and monotonic() < end and not step.lease.is_stopped:
        _, waiting = wait(waiting, timeout=_LOOKED_EVERY_SECONDS, return_when=FIRST_COMPLETED)


def _result(step: Step, call: OpenCall, asked: "Future[_Done]") -> _Done:
    if asked.done() and not asked.cancelled():
        return asked.result()
    text = "The call took too long."
    if asked.cancelled():
        text = "The call was not made: the others took too long."
    if step.lease.is_stopped:
        text = "The user interrupted the call; it may have had its effect."
    return _Done(build(call, text, is_error=True))


def _explain(error: CiboriumError) -> str:
    """What the model is told of a call that could not be made."""
    url = error.extra().get("connect_url")
    detail = f" {error.detail}" if error.detail else ""
    return f"{error.message}{detail}" + (f" The user can connect at {url}" if url else "")

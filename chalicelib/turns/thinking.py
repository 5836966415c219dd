"""A step in which the model is asked: what it is shown, and what becomes of its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from chalicelib.chat_models.models import ModelConfig, UsableModel
from chalicelib.chat_models.registry import ModelRegistry
from chalicelib.chats import states
from chalicelib.chats.models import (
    SYSTEM_PROMPT_ID,
    Chat,
    Decision,
    Message,
    OpenCall,
    Visibility,
    find_text,
)
from chalicelib.chats.repository import ChatRepository
from chalicelib.chats.transition import Transition
from chalicelib.metrics import note
from chalicelib.sdk.chats import (
    ChatError,
    Compaction,
    MessagePart,
    MessageRole,
    ServerEvent,
    ServerOutcome,
    Text,
    ToolCall,
)
from chalicelib.turns import builtin, compaction, finding
from chalicelib.turns.answering import Answer, Answering
from chalicelib.turns.intent import unwrap
from chalicelib.turns.ports import ReadFileOf
from chalicelib.turns.prompt import ReadFile, build_messages, limited, select
from chalicelib.turns.providers import ContextTooLongError, ModelError
from chalicelib.turns.providers.models import (
    Finished,
    ModelRequest,
    ToolSpec,
)
from chalicelib.turns.spending import Spending
from chalicelib.turns.steps import Outcome, Step, failed, failing, trying_again
from chalicelib.turns.targets import build_target, estimate, to_usage
from chalicelib.turns.toolbox import Toolbox, Toolboxes
from chalicelib.workspaces.repository import WorkspaceRepository

MOST_TRIES = 4
_MOST_MESSAGES = 100_000
_LONGEST_PAUSE_SECONDS = 60


class Thinking:
    """Asks models; lives as long as the container."""

    def __init__(
        self,
        repository: ChatRepository,
        models: ModelRegistry,
        workspaces: WorkspaceRepository,
        toolboxes: Toolboxes,
        answering: Answering,
        spending: Spending,
        read_file: ReadFileOf,
    ) -> None:
        self._repository = repository
        self._models = models
        self._workspaces = workspaces
        self._toolboxes = toolboxes
        self._answering = answering
        self._spending = spending
        self._read_file = read_file

    def run(self, step: Step) -> Outcome:
        """Ask the model for the next message of a chat, or for a summary of what came before.

        Raises:
            StepFailedError: there is no model, or no money left.
        """
        chat = step.chat
        usable = self._find_model(chat)
        if self._spending.is_exhausted(chat.owner_id):
            raise failed("usage_limit", "The spending limit for this month is reached.")
        everything = self._repository.list_messages(
            chat.id, after_id=-1, before_id=None, limit=_MOST_MESSAGES, ascending=True
        )
        history = select(chat, everything)
        read_file = limited(partial(self._read_file, chat.owner_id, chat.organization_id))
        try:
            if compaction.is_due(history, usable.config):
                return self._condense(step, usable, history, read_file)
            box = self._toolboxes.fill(step.actor, step.membership, chat)
            request = ModelRequest(
                model=usable.config.model,
                system=self._build_system(chat, everything),
                messages=build_messages(history, read_file),
                tools=tuple(_offer(box, usable.config, history)),
                max_output_tokens=usable.config.max_output_tokens,
            )
            answer = self._answering.ask(step, build_target(usable), request)
        except ContextTooLongError as exc:
            if compaction.find_end(history) is None:
                return _after(exc, chat)
            return self._condense(step, usable, history, read_file)
        except ModelError as exc:
            return _after(exc, chat)
        return self._store(step, usable.config, box, request, answer)

    def _find_model(self, chat: Chat) -> UsableModel:
        """The chat's model.

        Raises:
            StepFailedError: it is gone or disabled.
        """
        chosen = chat.model_config_id
        usable = None if chosen is None else self._models.find_usable(chosen)
        if usable is None:
            raise failed(
                "model_unavailable",
                "The chat's model is not available any more. Send a message with another one.",
            )
        return usable

    def _build_system(self, chat: Chat, messages: Sequence[Message]) -> str:
        """The workspace's instructions, then those that the chat was started with."""
        told: list[str] = []
        if chat.workspace_id is not None:
            workspace = self._workspaces.find(chat.organization_id, chat.workspace_id)
            told += [workspace.instructions] if workspace and workspace.instructions else []
        told += [find_text(each.parts) for each in messages if each.id == SYSTEM_PROMPT_ID]
        return "\n\n".join(told)

    def _store(
        self,
        step: Step,
        model: ModelConfig,
        box: Toolbox,
        request: ModelRequest,
        answer: Answer,
    ) -> Outcome:
        chat, finished = step.chat, answer.finished
        if finished is not None and not answer.calls and not answer.says_something:
            return self._give_up(chat, model, finished)
        calls = [_open(call, box) for call in answer.calls] if finished else []
        parts = [_unwrapped(part, box) for part in answer.parts]
        if finished is None:  # The owner has interrupted: what was said stays, calls do not.
            parts = [part for part in parts if not isinstance(part, ToolCall)]
        usage = None if finished is None else to_usage(finished.usage, model)
        outcomes = {event.mcp_server_config_id: event.outcome.value for event in box.events}
        news = _news(chat.server_outcomes, box)

        def apply(making: Transition) -> None:
            if parts:  # First: its preview was shown under the next id.
                making.say(MessageRole.ASSISTANT, parts, model_config_id=model.id, usage=usage)
            if news:
                making.say(MessageRole.SYSTEM, news, visibility=Visibility.USER)
            making.chat = replace(making.chat, server_outcomes=outcomes)
            if calls:
                making.apply(lambda each, now: states.go_on(each, calls, now))
            else:
                making.apply(states.finish)

        spent = usage or to_usage(estimate(request, answer.parts), model)
        counted = [self._spending.counting(chat, model.id, spent)] if finished or parts else []
        return Outcome(apply, counted)

    def _condense(
        self,
        step: Step,
        usable: UsableModel,
        history: Sequence[Message],
        read_file: ReadFile,
    ) -> Outcome:
        """Have the model summarise what came before; the step after this goes on from there."""
        model, chat = usable.config, step.chat
        end = compaction.find_end(history) or chat.last_message_id
        request = compaction.build_request(history, end, model, read_file)
        try:
            answer = self._answering.ask(step, build_target(usable), request)
        except ModelError as exc:
            return _after(exc, chat)
        text = "".join(part.text for part in answer.parts if isinstance(part, Text))
        if answer.finished is None:
            return trying_again()
        if not text.strip():
            return self._give_up(chat, model, answer.finished)
        usage = to_usage(answer.finished.usage, model)
        summary = Compaction(text=text, covered_message_id=end)

        def apply(making: Transition) -> None:
            making.say(MessageRole.SYSTEM, [summary], model_config_id=model.id, usage=usage)
            making.apply(lambda each, now: states.go_on(each, (), now))

        return Outcome(apply, [self._spending.counting(chat, model.id, usage)])

    def _give_up(self, chat: Chat, model: ModelConfig, finished: Finished) -> Outcome:
        """End a turn whose model said nothing; it is paid for all the same."""
        usage = to_usage(finished.usage, model)
        counted = self._spending.counting(chat, model.id, usage)
        return replace(failing(_silence(finished.reason)), extend=[counted])


def _offer(box: Toolbox, model: ModelConfig, history: Sequence[Message]) -> list[ToolSpec]:
    """All tools; or, where they are too many, those that were found, and a tool to find others."""
    if finding.is_crowded(box, model.context_limit):
        found = [each.spec for each in finding.reveal(box, history)]
        return [builtin.CREATE_WORKSPACE, finding.SPEC, *found]
    return [builtin.CREATE_WORKSPACE, *(each.spec for each in box.tools.values())]


def _open(call: ToolCall, box: Toolbox) -> OpenCall:
    """A tool call that waits: for its owner's decision, if the admin wants that."""
    tool = box.tools.get(call.tool_name)
    if tool is None:
        return OpenCall(id=call.tool_call_id, tool_name=call.tool_name)
    return OpenCall(
        id=call.tool_call_id,
        tool_name=call.tool_name,
        name=tool.name,
        server_id=tool.server.id,
        decision=Decision.WAITING if tool.asks else Decision.NOT_NEEDED,
    )


def _unwrapped(part: MessagePart, box: Toolbox) -> MessagePart:
    """A part as it is stored: a tool call knows its server, and its intent stands apart."""
    if not isinstance(part, ToolCall) or part.tool_name not in box.tools:
        return part
    server = box.tools[part.tool_name].server
    part = replace(part, mcp_server_config_id=server.id)
    if not server.model_intent or not isinstance(part.args, Mapping):
        return part
    intent, arguments = unwrap(part.args)
    return replace(part, intent=intent, args=arguments)


def _news(before: Mapping[str, str], box: Toolbox) -> list[MessagePart]:
    """What the owner has not been told yet of the chat's servers."""
    told: list[MessagePart] = [
        event for event in box.events if before.get(event.mcp_server_config_id) != event.outcome
    ]
    working = {each.server.id: each.server for each in box.tools.values()}
    told += [
        ServerEvent(
            mcp_server_config_id=server.id,
            server_name=server.display_name,
            outcome=ServerOutcome.CONNECTED,
        )
        for server in working.values()
        if server.id in before
    ]
    return told


def _after(error: ModelError, chat: Chat) -> Outcome:
    """What becomes of a step whose model did not answer: it is tried again, or given up."""
    note(code=error.kind)  # Its owner is told; it is no failure of ours.
    told = ChatError(
        message=error.message,
        kind=error.kind,
        provider=error.provider,
        retryable=error.retryable,
        status_code=error.status_code,
    )
    if not error.retryable or chat.attempts >= MOST_TRIES:
        return failing(told)
    pause = min(max(error.retry_after, 2**chat.attempts - 1), _LONGEST_PAUSE_SECONDS)
    return trying_again(pause)


def _silence(reason: str) -> ChatError:
    messages = {
        "length": "The model reached the limit of its answer before it said anything.",
        "content_filter": "The model's provider does not let it answer this.",
    }
    message = messages.get(reason, "The model answered nothing.")
    return ChatError(message=message, kind="empty_answer", retryable=True)

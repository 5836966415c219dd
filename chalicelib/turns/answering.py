"""A step in which a model answers: its words are shown while they come, and stored in the end."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from chalicelib.chats.models import Fragment
from chalicelib.chats.repository import ChatRepository
from chalicelib.egress import parse_json
from chalicelib.logs import describe_exception, get_logger
from chalicelib.mcp_client.json_values import is_too_deep, is_unicode
from chalicelib.metrics import carried, note
from chalicelib.primitives import Clock
from chalicelib.sdk.chats import MessagePart, Reasoning, Text, ToolCall
from chalicelib.turns.providers import ModelClient
from chalicelib.turns.providers.models import (
    Event,
    Finished,
    ModelRequest,
    ModelTarget,
    ReasoningDelta,
    TextDelta,
    ToolCallPart,
)
from chalicelib.turns.steps import Step

FLUSHED_EVERY_SECONDS = 0.4
MODEL_SECONDS = 120.0
_LOOKED_EVERY_SECONDS = 0.1


class Spoken:
    """Parts of a message in the making; text that comes in pieces is joined only once."""

    def __init__(self) -> None:
        self._runs: list[tuple[type[Text | Reasoning], list[str]] | ToolCall] = []

    def add(self, event: TextDelta | ReasoningDelta | ToolCallPart) -> None:
        """Take in what comes next."""
        if isinstance(event, ToolCallPart):
            arguments = load_arguments(event.arguments)
            call = ToolCall(tool_call_id=event.id, tool_name=event.name, args=arguments)
            self._runs.append(call)
            return
        kind = Text if isinstance(event, TextDelta) else Reasoning
        last = self._runs[-1] if self._runs else None
        if isinstance(last, tuple) and last[0] is kind:
            last[1].append(event.text)
        else:
            self._runs.append((kind, [event.text]))

    def take(self) -> list[MessagePart]:
        """What was taken in, as parts."""
        return [
            each if isinstance(each, ToolCall) else each[0](text="".join(each[1]))
            for each in self._runs
        ]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model has said, all of it or as far as it came.

    Attributes:
        parts: text, reasoning and tool calls in their order.
        finished: the last event; None if the answer was stopped.
    """

    parts: Sequence[MessagePart]
    finished: Finished | None

    @property
    def calls(self) -> list[ToolCall]:
        """The tool calls."""
        return [part for part in self.parts if isinstance(part, ToolCall)]

    @property
    def says_something(self) -> bool:
        """Whether there is text for the user."""
        return any(isinstance(part, Text) and part.text.strip() for part in self.parts)


class Answering:
    """Has models answer; lives as long as the container."""

    def __init__(self, client: ModelClient, repository: ChatRepository, clock: Clock) -> None:
        self._client = client
        self._repository = repository
        self._clock = clock

    def ask(self, step: Step, target: ModelTarget, request: ModelRequest) -> Answer:
        """A model's answer, shown to whoever follows while it comes.

        It ends early, and without `finished`, when the step is to stop.

        Raises:
            ModelError: there is no answer, or not a whole one.
        """
        note(step="model", model=request.model)
        spoken, finished = Spoken(), None
        preview = _Preview(self._repository, step, self._clock)
        for event in self._events(step, target, request):
            if isinstance(event, Finished):
                finished = event
            elif event is not None:
                spoken.add(event)
                preview.add(event)
            preview.flush_if_due()
        return Answer(spoken.take(), finished)

    def _events(
        self, step: Step, target: ModelTarget, request: ModelRequest
    ) -> Iterator[Event | None]:
        """The events as they come, and None now and then while none does.

        A thread reads them: it may be stuck for as long as a model is silent, and an interrupt
        shall not wait for that. Whoever is left behind ends with its next event, or its budget.
        """
        waiting: queue.Queue[Event | Exception | None] = queue.Queue()
        stopped = threading.Event()

        def read() -> None:
            try:
                with closing(self._client.stream(target, request, MODEL_SECONDS)) as events:
                    for event in events:
                        if stopped.is_set():
                            return
                        waiting.put(event)
                waiting.put(None)
            except Exception as exc:  # noqa: BLE001 -- raised again where the answer is awaited
                waiting.put(exc)

        threading.Thread(target=carried(read), daemon=True).start()
        try:
            while not step.lease.is_stopped:
                try:
                    event = waiting.get(timeout=_LOOKED_EVERY_SECONDS)
                except queue.Empty:
                    yield None
                    continue
                if event is None:
                    return
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            stopped.set()


class _Preview:
    """What has been said and not yet shown, and shows it, never much later than it came."""

    def __init__(self, repository: ChatRepository, step: Step, clock: Clock) -> None:
        self._repository = repository
        self._step = step
        self._clock = clock
        self._spoken = Spoken()
        self._sequence = 0
        self._flushed_at = 0.0  # So the first words are shown at once.

    def add(self, event: TextDelta | ReasoningDelta | ToolCallPart) -> None:
        self._spoken.add(event)

    def flush_if_due(self) -> None:
        if time.monotonic() - self._flushed_at < FLUSHED_EVERY_SECONDS:
            return
        parts = self._spoken.take()
        if not parts:
            return
        self._flushed_at = time.monotonic()
        self._sequence += 1
        fragment = Fragment(
            message_id=self._step.chat.last_message_id + 1,
            holder=self._step.lease.holder,
            sequence=self._sequence,
            parts=tuple(parts),
        )
        self._spoken = Spoken()
        try:
            self._repository.add_fragment(self._step.chat.id, fragment, self._clock())
        except Exception as exc:  # noqa: BLE001 -- a preview is no reason to lose the answer
            fields = {"chat_id": self._step.chat.id, **describe_exception(exc)}
            get_logger().warning("A preview was not shown.", extra={"fields": fields})
            return
        self._step.announcements.tell(self._step.lease.chat)


def load_arguments(text: str) -> object:
    """A call's arguments as JSON; the text itself if they are no object that can be stored."""
    try:
        loaded = parse_json(text)
    except ValueError:
        return text
    is_usable = isinstance(loaded, dict) and not is_too_deep(loaded) and is_unicode(loaded)
    return loaded if is_usable else text

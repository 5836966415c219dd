"""An answer as it grows: what every API's reader keeps, within limits."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.egress import parse_json
from chalicelib.turns.providers.errors import ModelAnswerError
from chalicelib.turns.providers.models import (
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallPart,
    Usage,
)

MAX_ANSWER_BYTES: Final = 2 * 1024 * 1024
MAX_TOOL_CALLS: Final = 128
MAX_NAME_LENGTH: Final = 256

_MAX_TOKENS = 2**53


@dataclass(slots=True)
class _Call:
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Answer:
    """Collects one answer; every method that takes what the provider sent checks it.

    All of them raise `ModelAnswerError`: what was sent is not what the API promises, or too much.
    """

    def __init__(self, provider: str) -> None:
        self.usage = Usage()
        self._provider = provider
        self._reason: FinishReason | None = None
        self._calls: list[_Call] = []
        self._size = 0
        self._text = _Unicode()
        self._reasoning = _Unicode()

    def parse(self, data: str | bytes) -> dict[str, Any]:
        """One event's JSON object."""
        try:
            parsed = parse_json(data)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise self.broken("sent something that is no JSON object")
        return parsed

    def broken(self, what: str) -> ModelAnswerError:
        """The error of an answer of which `what` is said."""
        return ModelAnswerError(self._provider, f"The model's provider {what}.")

    def add_text(self, text: Any) -> Iterator[Event]:
        """The next piece of the text, if there is one."""
        if piece := self._text.feed(self._take(text)):
            yield TextDelta(piece)

    def add_reasoning(self, text: Any) -> Iterator[Event]:
        """The next piece of the reasoning, if there is one."""
        if piece := self._reasoning.feed(self._take(text)):
            yield ReasoningDelta(piece)

    def open_call(self) -> int:
        """A further tool call; returns what the other methods know it by."""
        if len(self._calls) >= MAX_TOOL_CALLS:
            raise self.broken(f"sent more than {MAX_TOOL_CALLS} tool calls")
        self._calls.append(_Call())
        return len(self._calls) - 1

    def name_call(self, call: int, name: Any) -> None:
        """The tool's name; some providers repeat it with every piece of the arguments."""
        if not self._calls[call].name:
            name = self._take(name)
            if len(name) > MAX_NAME_LENGTH:
                raise self.broken("sent a tool call with an endless name")
            self._calls[call].name = make_unicode(name)

    def add_arguments(self, call: int, text: Any) -> None:
        """The next piece of the arguments' JSON."""
        if text := self._take(text):
            self._calls[call].arguments.append(text)

    def finish(self, reason: FinishReason) -> None:
        """Why the model stopped; the usage may still follow."""
        self._reason = reason

    def end(self) -> Iterator[Event]:
        """The stream is over: the tool calls and `Finished`, if the model had stopped."""
        if self._reason is None:
            raise self.broken("ended its answer half-way")
        reason = self._reason
        if reason in {"stop", "tool_calls"}:  # Some say `stop` although tools are to be called.
            for call in self._calls:
                if not call.name:
                    raise self.broken("sent a tool call without a name")
                arguments = make_unicode("".join(call.arguments)).strip()
                yield ToolCallPart(f"call_{uuid.uuid4().hex}", call.name, arguments or "{}")
            reason = "tool_calls" if self._calls else "stop"
        yield Finished(reason, self.usage)

    def _take(self, text: Any) -> str:
        """A string, none for null; counted."""
        if text is None:
            return ""
        if not isinstance(text, str):
            raise self.broken("sent something other than text where text belongs")
        self._size += len(text.encode("utf-8", "surrogatepass"))
        if self._size > MAX_ANSWER_BYTES:
            raise self.broken(f"sent an answer of more than {MAX_ANSWER_BYTES} bytes")
        return text


class _Unicode:
    r"""Makes pieces of text whole: `\ud83d` in one and `\ude00` in the next are one character.

    What remains half can be stored nowhere, and is replaced.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> str:
        """As much of the text so far as is certain."""
        text, self._rest = self._rest + text, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._rest = text[:-1], text[-1]
        return make_unicode(text)


def make_unicode(text: str) -> str:
    """Text with surrogate pairs joined and halves replaced; JSON can smuggle in both."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def as_object(value: Any) -> dict[str, Any]:
    """An object as it is; anything else that was sent in its place holds nothing."""
    return value if isinstance(value, dict) else {}


def as_objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def as_tokens(value: Any) -> int:
    """A number of tokens; what is none counts as 0."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value <= _MAX_TOKENS else 0

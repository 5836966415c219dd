"""The scripted model does what its docstring says, seen through our own client."""

import ipaddress
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chalicelib.egress import Egress
from chalicelib.turns.providers import (
    ContextTooLongError,
    Event,
    Finished,
    ImagePart,
    ModelAnswerError,
    ModelClient,
    ModelCredentialsError,
    ModelError,
    ModelRateLimitedError,
    ModelRejectedError,
    ModelTarget,
    ModelTimeoutError,
    ModelUnavailableError,
    PromptMessage,
    ProviderKind,
    TextDelta,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)
from infra.local.scripted_model import UNTOLD, ScriptedModel
from tests.unit.turns.conftest import ask_for, reasoning_of, text_of

ROOT = Path(__file__).parents[3]
TOOLS = (
    ToolSpec("demo__add_numbers", "The sum of two numbers.", {}),
    ToolSpec("demo__list_notes", "All notes.", {}),
)


class Asking:
    """Asks the scripted model."""

    def __init__(self, model: ScriptedModel, egress: Egress) -> None:
        self.model = model
        self._client = ModelClient(egress)

    def say(
        self, text: str, *more: PromptMessage, name: str = "scripted", budget: float = 5.0
    ) -> list[Event]:
        messages = (PromptMessage("user", (TextPart(text),)), *more)
        target = ModelTarget(ProviderKind.OPENAI, self.model.base_url, "a-key")
        request = ask_for(*messages, model=name, tools=TOOLS)
        with closing(self._client.stream(target, request, budget)) as events:
            return list(events)


@pytest.fixture
def asking() -> Iterator[Asking]:
    egress = Egress([ipaddress.ip_network("127.0.0.0/8")])
    with ScriptedModel() as model:
        yield Asking(model, egress)
        egress.close()


def calls_of(events: list[Event]) -> list[tuple[str, str]]:
    return [(each.name, each.arguments) for each in events if isinstance(each, ToolCallPart)]


def test_it_says_what_it_was_told_in_several_pieces(asking: Asking) -> None:
    events = asking.say("Good morning, model!")
    assert text_of(events) == "You said: Good morning, model!"
    assert sum(isinstance(each, TextDelta) for each in events) >= 3
    assert isinstance(events[-1], Finished)
    assert events[-1].usage.input_tokens > 0
    assert asking.model.requests[-1]["messages"][-1]["content"] == "Good morning, model!"


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('use add_numbers {"a": 1, "b": [2]} please', [("add_numbers", '{"a": 1, "b": [2]}')]),
        (
            'Use demo__add_numbers {"a": 1} and use list_notes.',
            [("add_numbers", '{"a": 1}'), ("list_notes", "{}")],
        ),
        ("Please list_notes, then add_numbers", [("list_notes", "{}"), ("add_numbers", "{}")]),
        ("use add_numbers {half", [("add_numbers", "{half")]),
        ("use nothing", []),
    ],
)
def test_it_calls_the_tools_that_it_is_told_to(
    asking: Asking, text: str, calls: list[tuple[str, str]]
) -> None:
    events = asking.say(text)
    assert calls_of(events) == [(f"demo__{name}", arguments) for name, arguments in calls]


def test_it_sums_up_what_the_tools_answered(asking: Asking) -> None:
    picture = ImagePart("image/png", b"png")
    events = asking.say(
        "use add_numbers and use list_notes",
        PromptMessage(
            "assistant",
            (
                ToolCallPart("c1", "demo__add_numbers", "{}"),
                ToolCallPart("c2", "demo__list_notes", "{}"),
            ),
        ),
        PromptMessage("tool", (ToolResultPart("c1", "demo__add_numbers", "3", images=(picture,)),)),
        PromptMessage("tool", (ToolResultPart("c2", "demo__list_notes", "no", is_error=True),)),
    )
    assert text_of(events) == "demo__add_numbers answered: 3\ndemo__list_notes failed: no"
    assert calls_of(events) == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("400", ModelRejectedError),
        ("401", ModelCredentialsError),
        ("403", ModelCredentialsError),
        ("404", ModelRejectedError),
        ("429", ModelRateLimitedError),
        ("500", ModelUnavailableError),
        ("503", ModelUnavailableError),
        ("context", ContextTooLongError),
        ("flaky", ModelUnavailableError),
        ("garbage", ModelAnswerError),
        ("garbage-stream", ModelAnswerError),
        ("half", ModelAnswerError),
        ("half-clean", ModelAnswerError),
        ("error-midway", ModelUnavailableError),
        ("silence", ModelTimeoutError),
        ("stall", ModelTimeoutError),
        ("slow", ModelTimeoutError),
    ],
)
@pytest.mark.parametrize("by_name", [True, False])
def test_it_fails_as_it_is_asked_to(
    asking: Asking, fault: str, error: type[ModelError], by_name: bool
) -> None:
    text = "Hello you" if by_name else f"Hello you #model:{fault}"
    name = f"scripted-{fault}" if by_name else "scripted"
    with pytest.raises(error) as caught:
        asking.say(text, name=name, budget=0.5)
    assert caught.type is error
    assert UNTOLD not in str(caught.value)


def test_flaky_answers_when_the_same_is_asked_again(asking: Asking) -> None:
    with pytest.raises(ModelUnavailableError):
        asking.say("Hello", name="scripted-flaky")
    assert text_of(asking.say("Hello", name="scripted-flaky")) == "You said: Hello"


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        ("bad-arguments", [("demo__add_numbers", '{"half":')]),
        ("unknown-tool", [("no_such_tool", "{}")]),
        ("many", [("demo__add_numbers", f'{{"number": {n}}}') for n in range(16)]),
        ("loop", [("demo__add_numbers", "{}")]),
    ],
)
def test_it_calls_tools_as_no_model_should(
    asking: Asking, fault: str, calls: list[tuple[str, str]]
) -> None:
    assert calls_of(asking.say("Hello", name=f"scripted-{fault}")) == calls


@pytest.mark.parametrize(
    ("fault", "reason"), [("empty", "stop"), ("length", "length"), ("refusal", "content_filter")]
)
def test_it_stops_as_it_is_asked_to(asking: Asking, fault: str, reason: str) -> None:
    finished = asking.say("Hello", name=f"scripted-{fault}")[-1]
    assert isinstance(finished, Finished)
    assert finished.reason == reason


def test_it_thinks_and_writes_much_when_asked_to(asking: Asking) -> None:
    assert reasoning_of(asking.say("Hello", name="scripted-reasoning"))
    assert len(text_of(asking.say("Hello", name="scripted-long"))) > 100_000


def test_as_a_program_it_says_its_url_and_ends_with_its_input() -> None:
    command = [sys.executable, "-m", "infra.local.scripted_model"]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.stdin.close()
        assert process.wait(timeout=10) == 0

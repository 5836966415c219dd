"""What a worker does with chats, as far as tests of the chats' API need it: no model is called."""

from collections.abc import Callable

from chalicelib.chats import states
from chalicelib.chats.models import Chat, Decision, OpenCall, Visibility
from chalicelib.chats.repository import ChatWrite
from chalicelib.chats.transition import Transition
from chalicelib.identity.models import Actor
from chalicelib.sdk.chats import ChatError, MessageRole, Text, ToolCall
from tests.support.deployment import Deployment

HOLDER = "0a1b2c3d-0000-4000-8000-000000000001"
Step = Callable[[Transition], object]


def work(deployment: Deployment, owner_id: str, chat_id: str, *steps: Step) -> Chat:
    """Make one transition of somebody's chat, as a worker would: all steps at once."""
    owner = Actor(owner_id, (), "", username="worker")

    def make(making: Transition) -> ChatWrite:
        for step in steps:
            step(making)
        return making.to_write()

    return deployment.services.chats.change(owner, chat_id, make)


def claim(making: Transition, holder: str = HOLDER) -> None:
    """Begin a step."""
    making.apply(lambda chat, now: states.claim(chat, holder, now))


def say(text: str, visibility: Visibility = Visibility.BOTH) -> Step:
    """The model says something, and the turn goes on."""
    return lambda making: making.say(
        MessageRole.ASSISTANT, [Text(text=text)], visibility=visibility
    )


def finish(making: Transition) -> None:
    """End the turn."""
    making.apply(states.finish)


def fail(making: Transition) -> None:
    """End the turn without an answer."""
    error = ChatError(message="The model is out of reach.", kind="unavailable", retryable=True)
    making.apply(lambda chat, now: states.fail(chat, error, now))


def ask(*call_ids: str) -> Step:
    """The model calls a tool so often, and the owner must decide on each call."""

    def step(making: Transition) -> None:
        calls = [ToolCall(tool_call_id=each, tool_name="search", args={}) for each in call_ids]
        making.say(MessageRole.ASSISTANT, calls)
        waiting = [
            OpenCall(id=each, tool_name="search", decision=Decision.WAITING) for each in call_ids
        ]
        making.apply(lambda chat, now: states.go_on(chat, waiting, now))

    return step


def take_next(deployment: Deployment) -> Step:
    """If the turn is over, begin the next with the first message that waits."""

    def step(making: Transition) -> None:
        waiting = {each.id: each for each in deployment.services.chats.list_queued(making.chat)}
        making.take_next(waiting.get)

    return step

"""What turns need of whoever counts what is spent, keeps files, and wakes workers."""

from collections.abc import Callable
from typing import Protocol

from chalicelib.chats.models import Chat
from chalicelib.chats.repository import Extend
from chalicelib.sdk.chats import MessageUsage


class TurnWorker(Protocol):
    """Takes chats forward, one step at a time."""

    def handle(self, chat_id: str) -> None:
        """Perform the chat's next step, if it has one; nothing for duplicates and unknown chats.

        Raises:
            CiboriumError: it could not be done now, and delivering the hint again can mend that.
        """

    def wake_stuck(self) -> int:
        """Wake the chats whose lease ran out or whose hint was lost; how many they were."""


class Spending(Protocol):
    """Counts what models cost, and says when it is enough."""

    def is_exhausted(self, owner_id: str) -> bool:
        """Whether a user has spent what they may."""

    def counting(self, chat: Chat, model_config_id: str, usage: MessageUsage) -> Extend:
        """The writes that count a model's answer, for the transaction that stores it."""


class NoSpending:
    """Counts nothing. TO BE REPLACED by the usage package."""

    def is_exhausted(self, owner_id: str) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def counting(self, chat: Chat, model_config_id: str, usage: MessageUsage) -> Extend:  # noqa: ARG002
        """Nothing."""
        return lambda _: None


ReadFileOf = Callable[[str, str, str], tuple[str, bytes] | None]
"""Gives the media type and bytes of a file, by its owner's, its organisation's and its own id."""

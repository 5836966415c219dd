"""What the edge needs of turns, and turns of whoever keeps files."""

from collections.abc import Callable
from typing import Protocol


class TurnWorker(Protocol):
    """Takes chats forward, one step at a time."""

    def handle(self, chat_id: str) -> None:
        """Perform the chat's next step, if it has one; nothing for duplicates and unknown chats.

        Raises:
            CiboriumError: it could not be done now, and delivering the hint again can mend that.
        """

    def wake_stuck(self) -> int:
        """Wake the chats whose lease ran out or whose hint was lost; how many they were."""


ReadFileOf = Callable[[str, str, str], tuple[str, bytes] | None]
"""Gives the media type and bytes of a file, by its owner's, its organisation's and its own id."""

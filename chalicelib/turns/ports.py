"""What the edge needs of whoever works on chats' turns."""

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

"""What chats need of packages that stand above them, or that tests replace."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from chalicelib.identity.models import Actor


class TurnQueue(Protocol):
    """Wakes the worker: what it is told is only a hint, the chat says what there is to do."""

    def send(self, chat_id: str, delay_seconds: int = 0) -> None:
        """Have a worker look at a chat; one that is lost is made up for by the reaper."""


class Files(Protocol):
    """Images that were uploaded."""

    def find_media_types(
        self, actor: Actor, organization_id: str, file_ids: Sequence[str]
    ) -> Mapping[str, str]:
        """The media types of the actor's own files in an organisation; unknown ones are missing."""


class Budget(Protocol):
    """Limits of what may be spent."""

    def require(self, actor: Actor) -> None:
        """Insist that the actor may spend more.

        Raises:
            UsageLimitError: they have spent what they may.
        """

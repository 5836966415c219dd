"""What this package needs of those above it; `bootstrap` hands it the real ones."""

from typing import Protocol


class Chats(Protocol):
    """The chats of all organisations."""

    def has_any_in(self, organization_id: str) -> bool:
        """Whether there is a chat in an organisation."""


class Files(Protocol):
    """The images that were uploaded to all organisations."""

    def remove_all_in(self, organization_id: str) -> bool:
        """Remove those of an organisation that is being deleted; safe to repeat.

        Returns:
            Whether nothing is left; otherwise there was too much for one request.
        """

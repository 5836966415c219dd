"""What this package needs of those above it; `bootstrap` hands it the real ones."""

from typing import Protocol


class Chats(Protocol):
    """The chats of all organisations."""

    def has_any_in(self, organization_id: str) -> bool:
        """Whether there is a chat in an organisation."""

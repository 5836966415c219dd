"""What this package needs of those above it; `bootstrap` hands it the real ones."""

from typing import Protocol


class Belongings(Protocol):
    """Something that users have, kept by another package."""

    def remove_all_of(self, user_id: str) -> bool:
        """Remove what a user has, who is locked out already; safe to repeat.

        Returns:
            Whether nothing is left; otherwise there was too much for one request.
        """

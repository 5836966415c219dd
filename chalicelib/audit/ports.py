"""What others may have written together with a change and its event."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from chalicelib.storage import Transaction


class Companion(Protocol):
    """Comes with a request and writes along in the transaction of each change that it makes."""

    def join(self, transaction: "Transaction", created: str) -> None:
        """Add writes to the transaction of a change; `created` says what it makes."""

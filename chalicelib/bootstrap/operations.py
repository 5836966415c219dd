"""What an operator does to tables and keys; the edge has none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.bootstrap.parts import part
from chalicelib.bootstrap.services import Services

if TYPE_CHECKING:
    from chalicelib.audit import NewEvent
    from chalicelib.encryption.resealing import Resealer
    from chalicelib.encryption.rotation import KeyRotation
    from chalicelib.storage import Transaction
    from chalicelib.storage.rows import Rows


class Operations(Services):
    """Everything that the operator's program may call."""

    @part
    def rows(self) -> Rows:
        """The tables as DynamoDB has them."""
        from chalicelib.storage.rows import Rows

        return Rows(self._database)

    @part
    def key_rotation(self) -> KeyRotation:
        """The life of data keys."""
        from chalicelib.encryption.rotation import KeyRotation

        return KeyRotation(self._data_keys, self._keyring, self.rows, self._clock)

    def resealer(self, *, dry_run: bool) -> Resealer:
        """Puts values under the active data keys."""
        from chalicelib.encryption.resealing import Resealer

        return Resealer(self.rows, self._vault, self._data_keys, self._clock, dry_run=dry_run)

    def transaction(self, event: NewEvent) -> Transaction:
        """A transaction that records an event; the change itself is to be added to it."""
        return self._audit.transaction(event)

    def record(self, event: NewEvent) -> None:
        """Record what no transaction can hold, before it is done: in one of its own."""
        self.transaction(event).commit()

"""Where a caller goes on reading a list: opaque, authenticated, theirs, and of one query.

A cursor is a sealed value that a client carries, so no key of its own has to be kept anywhere, and
a warm container makes no KMS call for it.
"""

import base64
import binascii

from chalicelib.encryption.errors import InvalidCursorError, SealedValueError
from chalicelib.encryption.models import DEPLOYMENT_SCOPE, Place, SealedField
from chalicelib.encryption.service import Vault


class Cursors:
    """Makes and reads the cursors of one list; lives as long as the container.

    Args:
        vault: seals them.
        field: which list's they are, one of `encryption/fields.py` with `stored=False`.
    """

    def __init__(self, vault: Vault, field: SealedField) -> None:
        self._vault = vault
        self._field = field

    def seal(self, position: str, *, caller_id: str, query: str) -> str:
        """A cursor that leads this caller, with this query, on from a position.

        `query` must differ for queries whose positions do not fit each other.

        Raises:
            EncryptionUnavailableError: the data key is not cached and KMS does not answer.
        """
        sealed = self._vault.seal(position, self._place(caller_id, query), DEPLOYMENT_SCOPE)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, cursor: str, *, caller_id: str, query: str) -> str:
        """The position that a cursor leads on from.

        Raises:
            InvalidCursorError: it was not made by `seal` for this caller and query.
            EncryptionUnavailableError: the data key is not cached and KMS does not answer.
        """
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
            position = self._vault.open(sealed, self._place(caller_id, query))
        except (binascii.Error, ValueError, SealedValueError) as exc:
            raise InvalidCursorError from exc
        if not position:  # The vault takes an empty text for nothing sealed.
            raise InvalidCursorError
        return position

    def _place(self, caller_id: str, query: str) -> Place:
        return Place(self._field, query, caller_id)

"""What a browser carries for us between two requests and can neither read nor change."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from chalicelib.encryption import DEPLOYMENT_SCOPE, Place, SealedValueError, Vault


def seal_cookie(vault: Vault, members: Mapping[str, Any], place: Place) -> str:
    """Members, as a cookie's value that opens at its place only."""
    sealed = vault.seal(json.dumps(members), place, DEPLOYMENT_SCOPE)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def open_cookie(vault: Vault, cookie: str, place: Place) -> dict[str, Any] | None:
    """The members of a cookie, or None if it is empty, altered, or another place's."""
    try:
        sealed = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
        plain = vault.open(sealed, place)
    except (ValueError, SealedValueError):  # binascii's own error is a ValueError.
        return None
    if not plain:
        return None
    members: dict[str, Any] = json.loads(plain)
    return members

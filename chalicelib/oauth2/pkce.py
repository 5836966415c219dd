"""Proof Key for Code Exchange (RFC 7636): the code is worthless without the verifier."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field

_VERIFIER_BYTES = 32


@dataclass(frozen=True, slots=True)
class PKCE:
    """A verifier, which we keep, and its S256 challenge, which the browser carries."""

    verifier: str = field(repr=False)
    challenge: str


def new_pkce() -> PKCE:
    """A fresh pair: 43 characters of 256 random bits (RFC 7636 sections 4.1 and 4.2)."""
    verifier = secrets.token_urlsafe(_VERIFIER_BYTES)
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return PKCE(verifier, base64.urlsafe_b64encode(digest).decode("ascii").rstrip("="))

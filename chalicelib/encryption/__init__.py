"""Envelope encryption: secrets sealed under data keys, data keys wrapped by KMS."""

from chalicelib.encryption.cursors import Cursors
from chalicelib.encryption.errors import (
    EncryptionUnavailableError,
    InvalidCursorError,
    SealedValueError,
)
from chalicelib.encryption.models import DEPLOYMENT_SCOPE, Place, organization_scope
from chalicelib.encryption.service import Vault

__all__ = [
    "DEPLOYMENT_SCOPE",
    "Cursors",
    "EncryptionUnavailableError",
    "InvalidCursorError",
    "Place",
    "SealedValueError",
    "Vault",
    "organization_scope",
]

"""The wire format of a sealed value.

    version (1) ‖ algorithm (1) ‖ key id (16) ‖ salt (32) ‖ commitment (32) ‖ ciphertext ‖ tag (16)

Each value gets an encryption key of its own: HKDF-SHA-512 (RFC 5869) over the data key with a
random salt. So the limit of 2³² messages under one AES-GCM key with random nonces does not apply,
and the nonce can be constant. The same derivation yields a commitment to the key, because AES-GCM
alone lets a ciphertext open under two keys. `docs/decisions/0002-sealed-values.md` says more.

`cryptography` is loaded with the first value: most answers hold none that is sealed.
"""

import hmac
import os
import uuid

from chalicelib.encryption.errors import SealedValueError
from chalicelib.encryption.models import DataKey, Place

_VERSION = 1
_HKDF_SHA512_AES256GCM_COMMITTED = 1
_PREFIX = bytes([_VERSION, _HKDF_SHA512_AES256GCM_COMMITTED])
_HEADER_BYTES = 18
_SALT_BYTES = 32
_KEY_BYTES = 32
_COMMITMENT_BYTES = 32
_TAG_BYTES = 16
_CIPHERTEXT_AT = _HEADER_BYTES + _SALT_BYTES + _COMMITMENT_BYTES
_NONCE = bytes(12)  # Safe only because no two values share an encryption key.


def seal(secret: bytes, key: DataKey, place: Place) -> bytes:
    """Encrypt `secret` so that it opens with this data key at this place only."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    header = _PREFIX + key.key_id.bytes
    salt = os.urandom(_SALT_BYTES)
    encryption_key, commitment = _derive(key, header, salt)
    ciphertext = AESGCM(encryption_key).encrypt(_NONCE, secret, header + place.encode())
    return header + salt + commitment + ciphertext


def unseal(sealed: bytes, key: DataKey, place: Place) -> bytes:
    """Decrypt what `seal` made.

    Raises:
        SealedValueError: any bit, the place or the key differs.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    header, salt = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES : _HEADER_BYTES + _SALT_BYTES]
    encryption_key, commitment = _derive(key, header, salt)
    if not hmac.compare_digest(commitment, sealed[_HEADER_BYTES + _SALT_BYTES : _CIPHERTEXT_AT]):
        raise SealedValueError
    try:
        return AESGCM(encryption_key).decrypt(
            _NONCE, sealed[_CIPHERTEXT_AT:], header + place.encode()
        )
    except InvalidTag as exc:
        raise SealedValueError from exc


def parse_key_id(sealed: bytes) -> uuid.UUID:
    """The id of the data key that a sealed value names.

    Raises:
        SealedValueError: the value is too short, or of a version that we do not know.
    """
    if len(sealed) < _CIPHERTEXT_AT + _TAG_BYTES or sealed[: len(_PREFIX)] != _PREFIX:
        raise SealedValueError
    return uuid.UUID(bytes=sealed[len(_PREFIX) : _HEADER_BYTES])


def _derive(key: DataKey, header: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """One value's encryption key and its commitment."""
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derivation = HKDF(
        algorithm=SHA512(),
        length=_KEY_BYTES + _COMMITMENT_BYTES,
        salt=salt,
        info=b"ciborium sealed value" + header,
    )
    derived = derivation.derive(key.plaintext)
    return derived[:_KEY_BYTES], derived[_KEY_BYTES:]

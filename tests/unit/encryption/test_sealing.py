import uuid

import pytest

from chalicelib.encryption.errors import SealedValueError
from chalicelib.encryption.fields import (
    CONNECTION_ACCESS_TOKEN,
    SERVER_API_KEY,
    SERVER_CLIENT_SECRET,
)
from chalicelib.encryption.models import DataKey, Place, SealedField
from chalicelib.encryption.sealing import parse_key_id, seal, unseal

KEY = DataKey(uuid.UUID(int=1), bytes(range(32)))
PLACE = Place(CONNECTION_ACCESS_TOKEN, "server-1", "user-1")
SECRET = "s3cret-ünïcode".encode()


def test_a_sealed_value_opens_at_its_place() -> None:
    assert unseal(seal(SECRET, KEY, PLACE), KEY, PLACE) == SECRET


def test_the_secret_is_not_in_the_sealed_value_and_two_sealings_differ() -> None:
    first, second = seal(SECRET, KEY, PLACE), seal(SECRET, KEY, PLACE)
    assert SECRET not in first
    assert first != second


def test_the_sealed_value_names_its_data_key_in_the_documented_layout() -> None:
    sealed = seal(SECRET, KEY, PLACE)
    assert sealed[:2] == b"\x01\x01"
    assert parse_key_id(sealed) == KEY.key_id
    assert len(sealed) == 18 + 32 + 32 + len(SECRET) + 16


@pytest.mark.parametrize(
    "elsewhere",
    [
        Place(CONNECTION_ACCESS_TOKEN, "server-1", "user-2"),
        Place(CONNECTION_ACCESS_TOKEN, "server-2", "user-1"),
        Place(SealedField("connections", "refresh_token"), "server-1", "user-1"),
        Place(SealedField("servers", "access_token"), "server-1", "user-1"),
        Place(CONNECTION_ACCESS_TOKEN, "server-1"),
    ],
    ids=["other user", "other server", "other field", "other table", "no owner"],
)
def test_a_sealed_value_does_not_open_elsewhere(elsewhere: Place) -> None:
    with pytest.raises(SealedValueError):
        unseal(seal(SECRET, KEY, PLACE), KEY, elsewhere)


def test_a_sealed_value_does_not_open_under_another_data_key() -> None:
    with pytest.raises(SealedValueError):
        unseal(seal(SECRET, KEY, PLACE), DataKey(KEY.key_id, bytes(32)), PLACE)


def test_no_single_flipped_bit_goes_unnoticed() -> None:
    sealed = seal(SECRET, KEY, PLACE)
    for position in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[position // 8] ^= 1 << (position % 8)
        with pytest.raises(SealedValueError):
            unseal(bytes(altered), KEY, PLACE)


def test_no_truncation_goes_unnoticed() -> None:
    sealed = seal(SECRET, KEY, PLACE)
    for length in range(len(sealed)):
        with pytest.raises(SealedValueError):
            unseal(sealed[:length], KEY, PLACE)


def test_places_that_read_alike_when_joined_are_encoded_differently() -> None:
    one = Place(SealedField("servers", "ab"), "c", "d")
    other = Place(SealedField("servers", "a"), "bc", "d")
    assert one.encode() != other.encode()
    assert Place(SERVER_API_KEY, "x").encode() != Place(SERVER_CLIENT_SECRET, "x").encode()


def test_neither_the_data_key_nor_the_error_shows_a_secret() -> None:
    assert str(KEY.plaintext) not in repr(KEY)
    assert "plaintext" not in repr(KEY)
    assert SECRET.decode() not in str(SealedValueError())

import base64

import pytest

from chalicelib.encryption import DEPLOYMENT_SCOPE, Cursors, InvalidCursorError, Place, Vault
from chalicelib.encryption.fields import AUDIT_CURSOR, AUTHORIZATION_FLOW
from chalicelib.encryption.keys import KMSKeyring
from chalicelib.encryption.repository import DataKeyRepository
from chalicelib.storage import Database
from tests.support import aws
from tests.support.clock import FakeClock

MINE = {"caller_id": "user-1", "query": "action=delete"}


@pytest.fixture
def vault(local_aws: None) -> Vault:
    database = Database(lambda table: f"ciborium-{aws.STAGE}-{table}", aws.REGION)
    kms = aws.client("kms")
    keyring = KMSKeyring(lambda: kms, f"alias/ciborium-{aws.STAGE}", aws.STAGE)
    return Vault(DataKeyRepository(database), keyring, FakeClock())


@pytest.fixture
def cursors(vault: Vault) -> Cursors:
    return Cursors(vault, AUDIT_CURSOR)


def test_a_cursor_leads_its_caller_on_from_the_position(cursors: Cursors) -> None:
    cursor = cursors.seal("position-7", **MINE)
    assert cursors.open(cursor, **MINE) == "position-7"


def test_a_cursor_does_not_show_the_position_and_fits_into_a_query(cursors: Cursors) -> None:
    cursor = cursors.seal("position-7", **MINE)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert b"position" not in base64.urlsafe_b64decode(cursor + "==")
    assert cursor != cursors.seal("position-7", **MINE)


@pytest.mark.parametrize(
    "other", [{"caller_id": "user-2"}, {"query": "action=create"}, {"query": ""}]
)
def test_another_callers_cursor_and_another_querys_are_refused(
    cursors: Cursors, other: dict[str, str]
) -> None:
    cursor = cursors.seal("position-7", **MINE)
    with pytest.raises(InvalidCursorError):
        cursors.open(cursor, **{**MINE, **other})


def test_every_flipped_bit_is_noticed(cursors: Cursors) -> None:
    cursor = cursors.seal("position-7", **MINE)
    sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for bit in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidCursorError):
            cursors.open(base64.urlsafe_b64encode(flipped).decode(), **MINE)


@pytest.mark.parametrize("forged", ["", "x", "AAAA", "=", "ü", "a b", "\u0000", "A" * 5000])
def test_what_is_no_cursor_is_refused(cursors: Cursors, forged: str) -> None:
    with pytest.raises(InvalidCursorError):
        cursors.open(forged, **MINE)


def test_a_cut_or_lengthened_cursor_is_refused(cursors: Cursors) -> None:
    cursor = cursors.seal("position-7", **MINE)
    for forged in (cursor[:-4], cursor + "AAAA", cursor + "!!!!", f" {cursor}"):
        with pytest.raises(InvalidCursorError):
            cursors.open(forged, **MINE)


def test_another_lists_cursor_and_another_sealed_value_are_refused(
    cursors: Cursors, vault: Vault
) -> None:
    """A browser carries other sealed values; none of them may pass for a cursor."""
    place = Place(AUTHORIZATION_FLOW, MINE["query"], MINE["caller_id"])
    sealed = vault.seal("position-7", place, DEPLOYMENT_SCOPE)
    with pytest.raises(InvalidCursorError):
        cursors.open(base64.urlsafe_b64encode(sealed).decode(), **MINE)

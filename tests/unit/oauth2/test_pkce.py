import base64
import hashlib
import re

import pytest

from chalicelib.oauth2.pkce import PKCE, new_pkce


@pytest.mark.rule(28)
def test_the_verifier_has_256_bits_in_unreserved_characters() -> None:
    assert re.fullmatch(r"[A-Za-z0-9\-._~]{43}", new_pkce().verifier)


@pytest.mark.rule(28)
def test_the_challenge_is_the_unpadded_hash_of_the_verifier() -> None:
    pkce = new_pkce()
    digest = base64.urlsafe_b64decode(pkce.challenge + "=")
    assert digest == hashlib.sha256(pkce.verifier.encode()).digest()


@pytest.mark.rule(28)
def test_every_pair_is_another() -> None:
    assert len({new_pkce().verifier for _ in range(50)}) == 50


def test_the_verifier_is_not_in_the_representation() -> None:
    assert "sentinel" not in repr(PKCE("sentinel", "challenge"))

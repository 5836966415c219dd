import pytest

from chalicelib.oauth2.errors import ConnectRequiredError, DiscoveryError, ProviderRefusedError


def test_who_must_connect_learns_where() -> None:
    error = ConnectRequiredError("https://ciborium.example/connect")
    assert error.extra() == {"connect_url": "https://ciborium.example/connect"}


@pytest.mark.parametrize(
    ("error", "description", "detail"),
    [
        ("access_denied", "The user said no.", "The user said no."),
        ("access_denied", "", "access_denied"),
        ("", "", ""),
        ("x", "a\r\nb\x1b[31m", "ab[31m"),
        ("x", "y" * 5000, "y" * 300),
    ],
)
def test_a_providers_own_words_are_short_and_printable(
    error: str, description: str, detail: str
) -> None:
    assert ProviderRefusedError(error, description).detail == detail


@pytest.mark.rule(38)
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:sentinel@h.example/a?key=sentinel#sentinel", "https://h.example/a: x."),
        ("https://[sentinel", "(an unreadable URL): x."),
        ("https://h.example/" + "a" * 500, "https://h.example/" + "a" * 182 + ": x."),
    ],
)
def test_a_url_is_told_without_what_may_be_secret(url: str, shown: str) -> None:
    message = DiscoveryError("metadata", [(url, "x")]).message
    assert message == f"OAuth2 auto-discovery failed: no usable metadata. {shown}"

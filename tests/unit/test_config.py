import pytest

from chalicelib.config import PublicURL, Settings, SettingsError

GOOD = {"CIBORIUM_STAGE": "prod", "CIBORIUM_PUBLIC_URL": "https://Ciborium.Example/api/"}


def test_two_settings_are_enough() -> None:
    settings = Settings.from_environment(GOOD)
    assert settings == Settings("prod", PublicURL("https://ciborium.example", "/api"))
    assert settings.table_name("keys") == "ciborium-prod-keys"
    assert settings.kms_key_alias == "alias/ciborium-prod"


def test_links_and_cookie_paths_stand_below_the_public_url() -> None:
    public_url = Settings.from_environment(GOOD).public_url
    assert public_url.url("/healthz") == "https://ciborium.example/api/healthz"
    assert public_url.cookie_path("/healthz") == "/api/healthz"
    assert public_url.is_https


@pytest.mark.rule(17, 27)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CIBORIUM_STAGE", ""),
        ("CIBORIUM_STAGE", "Prod"),
        ("CIBORIUM_STAGE", "a" * 32),
        ("CIBORIUM_PUBLIC_URL", ""),
        ("CIBORIUM_PUBLIC_URL", "ciborium.example"),
        ("CIBORIUM_PUBLIC_URL", "ftp://ciborium.example"),
        ("CIBORIUM_PUBLIC_URL", "https://user@ciborium.example"),
        ("CIBORIUM_PUBLIC_URL", "https://ciborium.example/?a=b"),
        ("CIBORIUM_ALLOWED_PRIVATE_CIDRS", "10.0.0.0/33"),
        ("CIBORIUM_ALLOWED_PRIVATE_CIDRS", "everything"),
        ("CIBORIUM_CLIENT_METADATA_URL", "on"),
        ("CIBORIUM_CLIENT_METADATA_URL", "http://clients.example/ciborium.json"),
        ("CIBORIUM_CLIENT_METADATA_URL", "https://clients.example"),
        ("CIBORIUM_CLIENT_METADATA_URL", "https://clients.example/"),
        ("CIBORIUM_CLIENT_METADATA_URL", "https://user@clients.example/ciborium.json"),
        ("CIBORIUM_CLIENT_METADATA_URL", "https://clients.example/ciborium.json#client"),
        ("CIBORIUM_LOG_LEVEL", "LOUD"),
        ("CIBORIUM_SESSION_HOURS", "0"),
        ("CIBORIUM_SESSION_HOURS", "soon"),
        ("CIBORIUM_AUDIT_RETENTION_DAYS", "0"),
        ("CIBORIUM_AUDIT_RETENTION_DAYS", "3651"),
        ("CIBORIUM_AUDIT_RETENTION_DAYS", "1.5"),
        ("CIBORIUM_AUDIT_RETENTION_DAYS", "\u00b2"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({**GOOD, name: value})

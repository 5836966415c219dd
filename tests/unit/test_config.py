import pytest

from chalicelib.config import OIDCSettings, PublicURL, Settings, SettingsError

GOOD = {"CIBORIUM_STAGE": "prod", "CIBORIUM_PUBLIC_URL": "https://Ciborium.Example/api/"}

OIDC = {
    "CIBORIUM_OIDC_ISSUER": "https://Id.example/realms/staff/",
    "CIBORIUM_OIDC_CLIENT_ID": "ciborium",
    "CIBORIUM_OIDC_CLIENT_SECRET": "sentinel",
    "CIBORIUM_OIDC_SCOPES": "openid email offline_access openid",
    "CIBORIUM_OIDC_ALLOWED_EMAIL_DOMAINS": "Example.com,example.org",
    "CIBORIUM_OIDC_CREATE_USERS": "on",
}


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
        ("CIBORIUM_OIDC_ISSUER", "id.example"),
        ("CIBORIUM_OIDC_ISSUER", "https://user@id.example"),
        ("CIBORIUM_OIDC_ISSUER", "https://id.example/?a=b"),
        ("CIBORIUM_OIDC_ISSUER", "https://id.example/#a"),
        ("CIBORIUM_OIDC_CLIENT_ID", ""),
        ("CIBORIUM_OIDC_SCOPES", "profile email"),
        ("CIBORIUM_OIDC_ALLOWED_EMAIL_DOMAINS", "example.com, @example.org"),
        ("CIBORIUM_OIDC_CREATE_USERS", "yes"),
        ("CIBORIUM_SESSION_HOURS", "0"),
        ("CIBORIUM_SESSION_HOURS", "soon"),
        ("CIBORIUM_SESSION_HOURS", "\u00b2"),
        ("CIBORIUM_SESSION_HOURS", "9" * 5000),
        ("CIBORIUM_STREAM_URL", "https://stream.example"),
        ("CIBORIUM_STREAM_URL", "wss://user@stream.example"),
        ("CIBORIUM_STREAM_URL", "wss://stream.example/api?a=b"),
        ("CIBORIUM_AUDIT_RETENTION_DAYS", "0"),
        ("CIBORIUM_AUDIT_RETENTION_DAYS", "3651"),
        ("CIBORIUM_AUDIT_RETENTION_DAYS", "1.5"),
        ("CIBORIUM_AUDIT_RETENTION_DAYS", "\u00b2"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({**GOOD, **OIDC, name: value})


def test_a_provider_is_taken_as_it_spells_itself_and_its_secret_is_not_shown() -> None:
    settings = Settings.from_environment({**GOOD, **OIDC})
    assert settings.oidc == OIDCSettings(
        issuer="https://Id.example/realms/staff/",
        client_id="ciborium",
        client_secret="sentinel",
        scopes=("openid", "email", "offline_access"),
        allowed_email_domains=("example.com", "example.org"),
        create_users=True,
    )
    assert "sentinel" not in repr(settings)


def test_without_an_issuer_there_is_no_provider() -> None:
    assert Settings.from_environment({**GOOD, "CIBORIUM_OIDC_CREATE_USERS": "on"}).oidc is None


def test_messages_for_sockets_are_posted_where_the_sockets_are() -> None:
    settings = Settings.from_environment({**GOOD, "CIBORIUM_STREAM_URL": "wss://s.example/api/"})
    assert settings.stream_url == "wss://s.example/api"
    assert settings.stream_management_url == "https://s.example/api"

"""The settings: read once from the environment, at cold start, into one frozen object.

`docs/configuration.md` lists them; a test compares it with `SETTINGS`.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chalicelib.primitives import parse_number

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

SETTINGS = {
    "CIBORIUM_STAGE": "The deployment's name; tables, key and queue are called ciborium-<stage>-…",
    "CIBORIUM_PUBLIC_URL": "Where browsers reach this deployment; may carry a path.",
    "CIBORIUM_ALLOWED_PRIVATE_CIDRS": "Private networks that MCP servers may live in.",
    "CIBORIUM_CLIENT_METADATA_URL": "Where authorization servers read what our client is; or off.",
    "CIBORIUM_LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR.",
    "CIBORIUM_SESSION_HOURS": "How long a browser session lasts.",
    "CIBORIUM_OIDC_ISSUER": "The OpenID Connect provider at which people sign in.",
    "CIBORIUM_OIDC_CLIENT_ID": "Our client there.",
    "CIBORIUM_OIDC_CLIENT_SECRET": "Its secret; empty for a public client.",
    "CIBORIUM_OIDC_SCOPES": "What is asked for there.",
    "CIBORIUM_OIDC_ALLOWED_EMAIL_DOMAINS": "Whose people may sign in; empty for everybody.",
    "CIBORIUM_OIDC_CREATE_USERS": "Whether whoever signs in for the first time becomes a user.",
    "CIBORIUM_AUDIT_RETENTION_DAYS": "How long the audit log keeps an event.",
    "CIBORIUM_STREAM_URL": "Where chats are followed through a WebSocket; empty for nowhere.",
}

_TRACE = "_X_AMZN_TRACE_ID"
_STAGE = re.compile(r"[a-z][a-z0-9-]{0,30}")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_LONGEST_ISSUER = 512
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def find_trace_id() -> str | None:
    """The X-Ray trace of the current invocation: Lambda sets the variable anew for each.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    for part in os.environ.get(_TRACE, "").split(";"):
        name, _, value = part.partition("=")
        if name == "Root":
            return value
    return None


class SettingsError(Exception):
    """An environment variable is missing or unusable; the message names it and says what to set."""


@dataclass(frozen=True)
class PublicURL:
    """The public base URL: every link, redirect URI and cookie path is built from it.

    Never from the Host header: whoever sends the request chooses that.
    """

    origin: str
    """Scheme, host and port, as browsers write an `Origin` header."""
    path: str
    """Empty, or a path such as `/prod` without a trailing slash."""

    @property
    def is_https(self) -> bool:
        """Whether browsers reach us over TLS, whatever a proxy speaks behind it."""
        return self.origin.startswith("https://")

    def url(self, path: str) -> str:
        """The absolute URL of one of our paths, e.g. `/healthz`."""
        return f"{self.origin}{self.path}{path}"

    def cookie_path(self, path: str) -> str:
        """The path that a browser sees for one of our paths."""
        return f"{self.path}{path}"


@dataclass(frozen=True)
class OIDCSettings:
    """The OpenID Connect provider at which people sign in, and our client there."""

    issuer: str
    """As the provider spells itself: it is compared as a string."""
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    allowed_email_domains: tuple[str, ...] = ()
    create_users: bool = False


@dataclass(frozen=True)
class Settings:
    """What the environment decides; it lives as long as the container."""

    stage: str
    public_url: PublicURL
    allowed_private_cidrs: tuple[IPNetwork, ...] = ()
    client_metadata_url: str = ""
    """Empty: our own; `off`: nowhere; otherwise a URL, perhaps with `{server_id}` in it."""
    log_level: str = "INFO"
    session_hours: int = 24
    oidc: OIDCSettings | None = None
    """None: people sign in with API tokens only."""
    audit_retention_days: int = 365
    stream_url: str = ""
    """Of the WebSocket API; empty: chats are followed by polling only."""

    def table_name(self, table: str) -> str:
        """The name of a DynamoDB table; `infra/data.yaml` uses the same pattern."""
        return f"ciborium-{self.stage}-{table}"

    @property
    def turns_queue(self) -> str:
        """The name of the SQS queue of hints that a chat may have a next step."""
        return f"ciborium-{self.stage}-turns"

    @property
    def stream_management_url(self) -> str:
        """Where messages for open sockets are posted: API Gateway takes them at the same place."""
        return "http" + self.stream_url.removeprefix("ws")

    @property
    def kms_key_alias(self) -> str:
        """The alias of the KMS key that wraps this deployment's data keys."""
        return f"alias/ciborium-{self.stage}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read and check every setting.

        Raises:
            SettingsError: a variable is missing or unusable.
        """
        return cls(
            stage=_stage(environment.get("CIBORIUM_STAGE", "")),
            public_url=_public_url(environment.get("CIBORIUM_PUBLIC_URL", "")),
            allowed_private_cidrs=_cidrs(environment.get("CIBORIUM_ALLOWED_PRIVATE_CIDRS", "")),
            client_metadata_url=_metadata_url(environment.get("CIBORIUM_CLIENT_METADATA_URL", "")),
            log_level=_log_level(environment.get("CIBORIUM_LOG_LEVEL", "") or "INFO"),
            session_hours=_session_hours(environment.get("CIBORIUM_SESSION_HOURS", "") or "24"),
            oidc=_oidc(environment),
            audit_retention_days=_audit_retention_days(
                environment.get("CIBORIUM_AUDIT_RETENTION_DAYS", "") or "365"
            ),
            stream_url=_stream_url(environment.get("CIBORIUM_STREAM_URL", "")),
        )


def _stage(text: str) -> str:
    if not _STAGE.fullmatch(text):
        raise SettingsError(
            "CIBORIUM_STAGE must be set to a short lower-case name such as dev or prod."
        )
    return text


def _public_url(text: str) -> PublicURL:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(
            "CIBORIUM_PUBLIC_URL must be the absolute http(s) URL under which browsers reach "
            "Ciborium, such as https://ciborium.example.com or https://….amazonaws.com/api."
        )
    if parts.query or parts.fragment or parts.username:
        raise SettingsError("CIBORIUM_PUBLIC_URL must not carry a query, a fragment or a user.")
    return PublicURL(f"{parts.scheme}://{parts.netloc.lower()}", parts.path.rstrip("/"))


def _cidrs(text: str) -> tuple[IPNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as exc:
        raise SettingsError(
            "CIBORIUM_ALLOWED_PRIVATE_CIDRS must be networks such as 10.20.0.0/16, "
            f"separated by commas: {exc}."
        ) from exc


def _metadata_url(text: str) -> str:
    parts = urlsplit(text)
    has_path = parts.scheme == "https" and parts.hostname and parts.path.strip("/")
    if text in {"", "off"} or (has_path and not parts.fragment and "@" not in parts.netloc):
        return text
    raise SettingsError(
        "CIBORIUM_CLIENT_METADATA_URL must be off, or an https URL with a path, in which "
        "{server_id} stands for a server's id."
    )


def _log_level(text: str) -> str:
    if text.upper() not in _LOG_LEVELS:
        raise SettingsError(f"CIBORIUM_LOG_LEVEL must be one of {', '.join(_LOG_LEVELS)}.")
    return text.upper()


def _session_hours(text: str) -> int:
    hours = parse_number(text, 1, 24 * 30)
    if hours is None:
        raise SettingsError("CIBORIUM_SESSION_HOURS must be a whole number from 1 to 720.")
    return hours


def _oidc(environment: Mapping[str, str]) -> OIDCSettings | None:
    issuer = environment.get("CIBORIUM_OIDC_ISSUER", "")
    client_id = environment.get("CIBORIUM_OIDC_CLIENT_ID", "")
    if not issuer and not client_id:
        return None
    parts = urlsplit(issuer)
    is_web = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
    if not is_web or parts.query or parts.fragment or len(issuer) > _LONGEST_ISSUER:
        raise SettingsError(
            "CIBORIUM_OIDC_ISSUER must be the issuer's URL, exactly as its own "
            "/.well-known/openid-configuration spells it."
        )
    if not client_id:
        raise SettingsError("CIBORIUM_OIDC_CLIENT_ID must be set where CIBORIUM_OIDC_ISSUER is.")
    return OIDCSettings(
        issuer=issuer,
        client_id=client_id,
        client_secret=environment.get("CIBORIUM_OIDC_CLIENT_SECRET", ""),
        scopes=_oidc_scopes(environment.get("CIBORIUM_OIDC_SCOPES", "") or "openid profile email"),
        allowed_email_domains=_domains(environment.get("CIBORIUM_OIDC_ALLOWED_EMAIL_DOMAINS", "")),
        create_users=_switch(
            "CIBORIUM_OIDC_CREATE_USERS", environment.get("CIBORIUM_OIDC_CREATE_USERS", "") or "off"
        ),
    )


def _oidc_scopes(text: str) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(text.split()))
    if "openid" not in scopes:
        raise SettingsError("CIBORIUM_OIDC_SCOPES must be separated by blanks and have openid.")
    return scopes


def _domains(text: str) -> tuple[str, ...]:
    domains = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    if not all(_DOMAIN.fullmatch(domain) for domain in domains):
        raise SettingsError(
            "CIBORIUM_OIDC_ALLOWED_EMAIL_DOMAINS must be domains such as example.com, "
            "separated by commas."
        )
    return domains


def _switch(name: str, text: str) -> bool:
    if text not in {"on", "off"}:
        raise SettingsError(f"{name} must be on or off.")
    return text == "on"


def _audit_retention_days(text: str) -> int:
    days = parse_number(text, 1, 3650)
    if days is None:
        raise SettingsError("CIBORIUM_AUDIT_RETENTION_DAYS must be a whole number from 1 to 3650.")
    return days


def _stream_url(text: str) -> str:
    parts = urlsplit(text)
    is_socket = parts.scheme in {"ws", "wss"} and parts.hostname and "@" not in parts.netloc
    if text and (not is_socket or parts.query or parts.fragment):
        raise SettingsError(
            "CIBORIUM_STREAM_URL must be empty, or the wss URL of the WebSocket API, such as "
            "wss://….amazonaws.com/api."
        )
    return text.rstrip("/")

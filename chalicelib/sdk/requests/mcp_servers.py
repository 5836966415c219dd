"""Requests about MCP servers (`coder-reference.md` 1.2 to 1.4)."""

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ..mcp_servers import AuthType, Availability, ToolChanges, ToolRule, Transport
from .base import ID, Name, Request, Slug

# RFC 9110 section 5.6.2; the reserved ones are the transport's, or ours to set.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\x80-\xff]{1,8192}")
_RESERVED_HEADERS = frozenset(
    (
        *("accept", "accept-encoding", "connection", "content-length", "content-type", "host"),
        *("keep-alive", "last-event-id", "mcp-method", "mcp-name", "mcp-protocol-version"),
        *("mcp-session-id", "te", "trailer", "transfer-encoding", "upgrade", "user-agent"),
    )
)
_MOST_BYTES = 64 * 1024
_ICON_PATH = re.compile(r"/(?!/)[A-Za-z0-9._~/%-]*")


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be an absolute http or https URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or a password")
    if "#" in url:
        raise ValueError("must not contain a fragment")
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise ValueError("must not contain blanks, backslashes or control characters")
    return url


def _check_url_or_empty(url: str) -> str:
    return _check_url(url) if url else url


def _check_icon(path: str) -> str:
    if path and not _ICON_PATH.fullmatch(path):
        raise ValueError("must be a path on this deployment, such as /icon/github.svg")
    return path


def _check_header_name(name: str) -> str:
    if name and not _HEADER_NAME.fullmatch(name):
        raise ValueError("must be an HTTP header name")
    if name.lower() in _RESERVED_HEADERS or name.lower().startswith("proxy-"):
        raise ValueError(f"must not be {name}, which is set by the transport")
    return name


def _check_header_value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text and not _HEADER_VALUE.fullmatch(text):
        raise ValueError("must be at most 8192 characters without line breaks")
    return SecretStr(text.strip())


def _check_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) > 8192:
        raise ValueError("must be at most 8192 characters")
    return SecretStr(value.get_secret_value().strip())


def _check_size(texts: list[str]) -> None:
    """So that a server always fits into one DynamoDB item of 400 KB."""
    if sum(len(text.encode()) for text in texts) > _MOST_BYTES:
        raise ValueError(f"must be at most {_MOST_BYTES // 1024} KiB in all")


def _check_custom_headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    _check_size([*headers, *(value.get_secret_value() for value in headers.values())])
    names = [name.lower() for name in headers]
    if len(set(names)) != len(names):
        raise ValueError("must not name a header twice")
    if "" in names or not all(value.get_secret_value().strip() for value in headers.values()):
        raise ValueError("must give each header a name and a value")
    return {_check_header_name(name): _check_header_value(value) for name, value in headers.items()}


def _check_user_header_names(names: list[str]) -> list[str]:
    names = [_check_header_name(name) for name in names if name]
    lower = [name.lower() for name in names]
    if len(set(lower)) != len(lower):
        raise ValueError("must not name a header twice")
    if any(name.startswith("x-ciborium-") for name in lower):
        raise ValueError("must not begin with X-Ciborium-: users would pass for others")
    return names


def _check_user_header_values(values: dict[str, SecretStr]) -> dict[str, SecretStr]:
    _check_size([*values, *(value.get_secret_value() for value in values.values())])
    names = [name.lower() for name in values]
    if len(set(names)) != len(names):
        raise ValueError("must not name a header twice")
    return values


def _without_duplicates(ids: list[str]) -> list[str]:
    return list(dict.fromkeys(ids))


def _check_tool_names(names: list[str]) -> list[str]:
    _check_size(names)
    return list(dict.fromkeys(name for name in names if name))


def _check_tool_rules(rules: dict[str, ToolRule]) -> dict[str, ToolRule]:
    _check_size(list(rules))
    if "" in rules:
        raise ValueError("must give each rule the name of a tool")
    return rules


_Text = Annotated[str, StringConstraints(max_length=2048)]
URL = Annotated[
    str,
    StringConstraints(max_length=2048),
    AfterValidator(_check_url),
    Field(json_schema_extra={"format": "uri"}),
]
OptionalURL = Annotated[
    str, StringConstraints(max_length=2048), AfterValidator(_check_url_or_empty)
]
Icon = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_check_icon)]
HeaderName = Annotated[str, AfterValidator(_check_header_name)]
HeaderValue = Annotated[SecretStr, AfterValidator(_check_header_value)]
Secret = Annotated[SecretStr, AfterValidator(_check_secret)]
CustomHeaders = Annotated[
    dict[str, SecretStr], Field(max_length=32), AfterValidator(_check_custom_headers)
]
ToolNames = Annotated[
    list[Annotated[str, StringConstraints(max_length=128)]],
    Field(max_length=512),
    AfterValidator(_check_tool_names),
]
OrganizationIDs = Annotated[list[ID], Field(max_length=100), AfterValidator(_without_duplicates)]
ToolRules = Annotated[
    dict[Annotated[str, StringConstraints(max_length=128)], ToolRule],
    Field(max_length=512),
    AfterValidator(_check_tool_rules),
]


UserHeaderNames = Annotated[
    list[str], Field(max_length=32), AfterValidator(_check_user_header_names)
]
UserHeaderValues = Annotated[
    dict[str, HeaderValue], Field(max_length=32), AfterValidator(_check_user_header_values)
]


class _ServerRequest(Request):
    """What creating and changing a server have in common."""

    forward_identity_headers: bool | None = None
    forward_coder_headers: bool | None = None
    """The reference's name for the same."""

    @field_validator("forward_coder_headers")
    @classmethod
    def _check_both_names(cls, theirs: bool | None, fields: ValidationInfo) -> bool | None:
        ours = fields.data.get("forward_identity_headers")
        if None not in (ours, theirs) and ours != theirs:
            raise ValueError("must be the same as forward_identity_headers, or absent")
        return theirs

    @model_validator(mode="after")
    def _take_either_name(self) -> Self:
        if self.forward_identity_headers is None and self.forward_coder_headers is not None:
            self.forward_identity_headers = self.forward_coder_headers
        return self


class CreateMCPServerConfigRequest(_ServerRequest):
    """A new MCP server; the service checks what depends on `auth_type`."""

    display_name: Name
    slug: Slug | None = None
    description: _Text = ""
    icon_url: Icon = ""
    transport: Transport
    url: URL
    auth_type: AuthType
    oauth2_client_id: _Text = ""
    oauth2_client_secret: Secret = SecretStr("")
    oauth2_auth_url: OptionalURL = ""
    oauth2_token_url: OptionalURL = ""
    oauth2_revocation_url: OptionalURL = ""
    oauth2_issuer: OptionalURL = ""
    oauth2_scopes: _Text = ""
    api_key_header: HeaderName = ""
    api_key_value: HeaderValue = SecretStr("")
    custom_headers: CustomHeaders = Field(default_factory=dict)
    user_header_names: UserHeaderNames = Field(default_factory=list)
    tool_allow_list: ToolNames = Field(default_factory=list)
    tool_deny_list: ToolNames = Field(default_factory=list)
    tool_rules: ToolRules = Field(default_factory=dict)
    tool_changes: ToolChanges = ToolChanges.FLAG
    availability: Availability
    enabled: bool = False
    model_intent: bool = False
    allow_in_plan_mode: bool = False
    organization_ids: OrganizationIDs = Field(default_factory=list)


class UpdateMCPServerConfigRequest(_ServerRequest):
    """Changes to an MCP server: an absent or null member leaves its field alone."""

    display_name: Name | None = None
    slug: Slug | None = None
    description: _Text | None = None
    icon_url: Icon | None = None
    transport: Transport | None = None
    url: URL | None = None
    auth_type: AuthType | None = None
    oauth2_client_id: _Text | None = None
    oauth2_client_secret: Secret | None = None
    oauth2_auth_url: OptionalURL | None = None
    oauth2_token_url: OptionalURL | None = None
    oauth2_revocation_url: OptionalURL | None = None
    oauth2_issuer: OptionalURL | None = None
    oauth2_scopes: _Text | None = None
    api_key_header: HeaderName | None = None
    api_key_value: HeaderValue | None = None
    custom_headers: CustomHeaders | None = None
    user_header_names: UserHeaderNames | None = None
    tool_allow_list: ToolNames | None = None
    tool_deny_list: ToolNames | None = None
    tool_rules: ToolRules | None = None
    tool_changes: ToolChanges | None = None
    availability: Availability | None = None
    enabled: bool | None = None
    model_intent: bool | None = None
    allow_in_plan_mode: bool | None = None
    organization_ids: OrganizationIDs | None = None


class PutUserHeadersRequest(Request):
    """The caller's own header values; they replace all former ones, and an empty one is none."""

    values: UserHeaderValues

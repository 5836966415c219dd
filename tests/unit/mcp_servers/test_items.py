"""Servers as they are stored."""

from dataclasses import fields
from datetime import UTC, datetime

from chalicelib.mcp_servers.items import ServerItem, to_attributes, to_server
from chalicelib.mcp_servers.models import AccessList, MCPServer, OAuth2Client, Registration
from chalicelib.sdk.mcp_servers import AuthType, Availability, ToolChanges, ToolRule, Transport

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
# Every field has another value than its default, so that none can be lost unnoticed.
CLIENT = OAuth2Client(
    client_id="client",
    client_secret=b"secret",
    auth_url="https://a.example/authorize",
    token_url="https://a.example/token",
    revocation_url="https://a.example/revoke",
    scopes="a b",
    scopes_are_chosen=True,
    issuer="https://a.example",
    issuer_is_pinned=True,
    issues_iss=True,
    resource="https://r.example",
    token_auth_method="none",
    registration=Registration.DYNAMIC,
    secret_expires_at=NOW,
    registration_uri="https://a.example/register/1",
    registration_token=b"token",
    moves=2,
    moved_at=NOW,
)
SERVER = MCPServer(
    id="8c1f0f9e-0000-4000-8000-000000000000",
    display_name="Name",
    slug="slug",
    description="About",
    icon_url="/icon.png",
    transport=Transport.SSE,
    url="https://s.example/mcp",
    auth_type=AuthType.CUSTOM_HEADERS,
    oauth2=CLIENT,
    api_key_header="X-Key",
    api_key_value=b"key",
    custom_headers=b"headers",
    user_header_names=("X-User",),
    tool_allow_list=("a",),
    tool_deny_list=("b",),
    tool_rules={"c": ToolRule.ASK},
    tool_changes=ToolChanges.WITHHOLD,
    tool_approvals=3,
    availability=Availability.FORCE_ON,
    enabled=True,
    model_intent=True,
    allow_in_plan_mode=True,
    forward_identity_headers=True,
    organization_ids=("o",),
    access_list=AccessList(frozenset({"u"}), frozenset({"g"})),
    created_by="1",
    updated_by="2",
    created_at=NOW,
    updated_at=NOW,
    version=4,
    grant_generation=5,
    deleting=True,
)


def test_nothing_of_a_server_is_lost_on_the_way_to_its_item_and_back() -> None:
    item = ServerItem(PK="SERVER", SK=SERVER.id, **to_attributes(SERVER))
    stored = ServerItem()
    stored.deserialize(item.serialize())
    assert to_server(stored) == SERVER
    assert set(to_attributes(SERVER)) | {"PK", "SK"} == set(ServerItem.get_attributes())


def test_every_field_is_tried() -> None:
    for thing in (SERVER, CLIENT):
        for field in fields(thing):
            assert getattr(thing, field.name) != field.default, field.name

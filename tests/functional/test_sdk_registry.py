"""The SDK's and the command's part of a server's versions, rediscovery, icons, users' headers."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from chalicelib.sdk import ConflictError, NotFoundError
from chalicelib.sdk.mcp_servers import AuthType, Availability, Transport
from chalicelib.sdk.requests.mcp_servers import (
    CreateMCPServerConfigRequest,
    PutUserHeadersRequest,
    UpdateMCPServerConfigRequest,
)
from tests.support.cli import SECRET, TICKETS, Terminal
from tests.support.journey import MCP_URL, World
from tests.support.sdk import sdk_client

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(17)


def new_server(auth_type: AuthType = AuthType.CUSTOM_HEADERS) -> CreateMCPServerConfigRequest:
    return CreateMCPServerConfigRequest(
        display_name="Tickets",
        url=MCP_URL,
        transport=Transport.STREAMABLE_HTTP,
        auth_type=auth_type,
        availability=Availability.DEFAULT_ON,
        enabled=True,
        user_header_names=["X-Key"] if auth_type is AuthType.CUSTOM_HEADERS else [],
    )


def test_a_change_of_a_version_that_is_gone_is_refused(world: World) -> None:
    with sdk_client(world.deployment) as admin:
        methods = admin.experimental
        created = methods.create_mcp_server(new_server(AuthType.OAUTH2))
        read = methods.get_mcp_server(created.id)
        assert read.etag == created.etag
        request = UpdateMCPServerConfigRequest(description="Mine")
        changed = methods.update_mcp_server(created.id, request, etag=read.etag)
        assert changed.etag != read.etag
        with pytest.raises(ConflictError):
            methods.update_mcp_server(created.id, request, etag=read.etag)
        with pytest.raises(ConflictError):
            methods.delete_mcp_server(created.id, etag=read.etag)
        found = methods.rediscover_mcp_server(created.id, etag=changed.etag)
        assert found.oauth2_token_url == created.oauth2_token_url
        methods.delete_mcp_server(created.id, etag=found.etag)


def test_users_fill_in_their_own_headers(world: World) -> None:
    with sdk_client(world.deployment) as admin:
        methods = admin.experimental
        server = methods.create_mcp_server(new_server())
        assert methods.get_user_headers(server.id).has_values == {"X-Key": False}
        request = PutUserHeadersRequest(values={"X-Key": SecretStr(SECRET)})
        assert methods.put_user_headers(server.id, request).has_values == {"X-Key": True}
        methods.delete_user_headers(server.id)
        assert methods.get_user_headers(server.id).has_values == {"X-Key": False}


def test_an_icon_is_uploaded_read_and_removed(world: World) -> None:
    with sdk_client(world.deployment) as admin:
        methods = admin.experimental
        server = methods.create_mcp_server(new_server())
        methods.put_mcp_server_icon(server.id, PNG, "image/png")
        assert methods.get_mcp_server_icon(server.id) == (PNG, "image/png")
        methods.delete_mcp_server_icon(server.id)
        with pytest.raises(NotFoundError):
            methods.get_mcp_server_icon(server.id)


def test_the_command_does_the_same(world: World, terminal: Terminal, tmp_path: Path) -> None:
    terminal.ok(*TICKETS)
    keyed = ("--auth", "custom_headers", "--user-header", "X-Key", "--name", "Keyed")
    terminal.ok("servers", "add", MCP_URL, *keyed)
    assert "authorized by" in terminal.ok("servers", "rediscover", "tickets").out
    image = tmp_path / "icon.png"
    image.write_bytes(PNG)
    assert terminal.ok("servers", "icon", "tickets", str(image), "--json").json["icon_url"]
    terminal.ok("servers", "icon", "tickets", "--remove")
    assert terminal.run("servers", "icon", "tickets").code == 2
    assert terminal.run("servers", "icon", "tickets", "/nonexistent.png").code == 2
    assert "no" in terminal.ok("servers", "headers", "show", "keyed").out
    filled = terminal.ok(
        "servers", "headers", "set", "keyed", "--header", "X-Key", typed=SECRET + "\n"
    )
    assert SECRET not in filled.out + filled.err
    assert terminal.ok("servers", "headers", "show", "keyed", "--json").json == {
        "has_values": {"X-Key": True}
    }
    terminal.ok("servers", "headers", "clear", "keyed")

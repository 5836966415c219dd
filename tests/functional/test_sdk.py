"""The SDK against a whole deployment."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, SecretStr

from chalicelib.api import ROUTES
from chalicelib.sdk import (
    Client,
    ConflictError,
    ConnectRequiredError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    SDKError,
    ToolApprovalRequiredError,
    UnauthenticatedError,
)
from chalicelib.sdk.chats import Text
from chalicelib.sdk.experimental import ExperimentalClient
from chalicelib.sdk.mcp_access import AccessRole
from chalicelib.sdk.mcp_servers import AuthType, Availability, ToolChanges, ToolRule, Transport
from chalicelib.sdk.mcp_tools import ToolState
from chalicelib.sdk.methods.audit import AuditFilter
from chalicelib.sdk.requests.chats import CreateChatRequest, TextPart
from chalicelib.sdk.requests.identity import CreateTokenRequest, CreateUserRequest
from chalicelib.sdk.requests.mcp_access import UpdateMCPServerACLRequest
from chalicelib.sdk.requests.mcp_servers import (
    CreateMCPServerConfigRequest,
    UpdateMCPServerConfigRequest,
)
from chalicelib.sdk.requests.mcp_tools import ApproveToolsRequest, CallToolRequest
from chalicelib.sdk.requests.organizations import CreateOrganizationRequest
from tests.support.chats import offer_model
from tests.support.deployment import ADMIN_TOKEN, Deployment
from tests.support.journey import MCP_URL, World, connect_url
from tests.support.sdk import Recorder, matches, sdk_client
from tests.support.servers import NOWHERE

ROOT = Path(__file__).parents[2]

# Browsers come here by themselves, or other servers do; programs have nothing to ask.
NOT_FOR_PROGRAMS = {
    ("GET", "/api/v2/openapi.json"),  # For those that make a client of it.
    ("GET", "/login"),
    ("POST", "/api/v2/users/login"),
    ("GET", "/api/v2/users/oidc/login"),
    ("GET", "/api/v2/users/oidc/callback"),
    ("GET", "/api/experimental/mcp/servers/{server_id}/oauth2/connect"),
    ("GET", "/api/experimental/mcp/servers/{server_id}/oauth2/callback"),
    ("GET", "/api/experimental/mcp/servers/{server_id}/oauth2/client-metadata.json"),
}


def new_server(**changes: Any) -> CreateMCPServerConfigRequest:
    fields: dict[str, Any] = {
        "display_name": "Tickets",
        "transport": Transport.STREAMABLE_HTTP,
        "url": MCP_URL,
        "auth_type": AuthType.OAUTH2,
        "availability": Availability.DEFAULT_ON,
        "enabled": True,
    }
    return CreateMCPServerConfigRequest(**{**fields, **changes})


def call_everything(client: Any) -> None:
    """Call every public method with the least that it takes."""
    for name, method in inspect.getmembers(client, inspect.ismethod):
        if name.startswith("_") or name == "close":
            continue
        arguments = [
            _example(parameter.annotation)
            for parameter in inspect.signature(method).parameters.values()
            if parameter.default is inspect.Parameter.empty
        ]
        try:
            outcome = method(*arguments)
            if inspect.isgenerator(outcome):
                next(outcome, None)
        except SDKError:
            pass


def _example(annotation: Any) -> Any:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation.model_construct()
    return "x"


def test_every_endpoint_for_programs_has_a_method() -> None:
    """A new route needs a method in `chalicelib/sdk`, or its line in NOT_FOR_PROGRAMS."""
    recorder = Recorder(lambda _: httpx.Response(404))
    client = Client("https://ciborium.example", "token", transport=recorder)
    call_everything(client)
    call_everything(client.experimental)
    missing = {
        (route.method, route.path)
        for route in ROUTES
        if not any(
            method == route.method and matches(route.path, path) for method, path in recorder.asked
        )
    }
    assert missing == NOT_FOR_PROGRAMS
    unknown = {
        (method, path)
        for method, path in recorder.asked
        if not any(method == route.method and matches(route.path, path) for route in ROUTES)
    }
    assert unknown == set()


def test_the_main_job_through_the_sdk(world: World) -> None:
    with sdk_client(world.deployment) as admin:
        server = admin.experimental.create_mcp_server(new_server())
        with pytest.raises(ConnectRequiredError) as refused:
            admin.experimental.list_mcp_server_tools(server.id)
        assert refused.value.connect_url == connect_url(server.id)
        assert admin.experimental.mcp_server_connect_url(server.id) == connect_url(server.id)
        world.connect_as(ADMIN_TOKEN, server.id)
        assert admin.experimental.get_mcp_server(server.id).auth_connected
        tools = admin.experimental.list_mcp_server_tools(server.id, refresh=True).tools
        listed = admin.experimental.list_all_tools([server.id]).servers
        assert [each.name for each in listed[0].tools] == [each.name for each in tools]
        request = CallToolRequest(name=tools[0].name, arguments={})
        assert admin.experimental.call_tool(server.id, request).result_type == "complete"
        assert admin.experimental.disconnect_mcp_server(server.id).token_revoked
        assert not admin.experimental.list_mcp_servers()[0].auth_connected


def test_tools_are_ruled_approved_and_diagnosed(world: World) -> None:
    with sdk_client(world.deployment) as admin:
        server = admin.experimental.create_mcp_server(
            new_server(tool_rules={"search": ToolRule.ASK}, tool_changes=ToolChanges.WITHHOLD)
        )
        world.connect_as(ADMIN_TOKEN, server.id)
        with pytest.raises(ToolApprovalRequiredError) as asked:
            admin.experimental.call_tool(server.id, CallToolRequest(name="search"))
        assert asked.value.tool_name == "search"
        approved = CallToolRequest(name="search", approved=True)
        assert admin.experimental.call_tool(server.id, approved).result_type == "complete"
        all_of_them = ApproveToolsRequest(all=True)
        approved_tools = admin.experimental.approve_tools(server.id, all_of_them).tools
        assert {each.state for each in approved_tools} == {ToolState.APPROVED}
        assert len(admin.experimental.get_tool_approvals(server.id).tools) == 3
        unseen = ApproveToolsRequest(tools={"search": "0" * 64})
        with pytest.raises(ConflictError):
            admin.experimental.approve_tools(server.id, unseen)
        assert admin.experimental.diagnose_mcp_server(server.id).ok


def test_access_lists_are_read_and_changed(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin:
        club = admin.create_organization(CreateOrganizationRequest(name="club"))
        bo = admin.create_user(CreateUserRequest(email="bo@example.com", username="bo"))
        admin.add_organization_member(club.id, bo.id)
        server = admin.experimental.create_mcp_server(
            new_server(auth_type=AuthType.NONE, organization_ids=[club.id])
        )
        assert server.organization_ids == [club.id]
        could = admin.experimental.list_mcp_server_acl_candidates(server.id, search="bo", limit=10)
        assert [each.id for each in could.users] == [bo.id]
        admin.experimental.update_mcp_server_acl(
            server.id, UpdateMCPServerACLRequest(user_roles={bo.id: AccessRole.READ})
        )
        listed = admin.experimental.get_mcp_server_acl(server.id)
        assert [(each.username, each.role) for each in listed.users] == [("bo", AccessRole.READ)]


def test_a_change_leaves_alone_what_it_does_not_set(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin:
        server = admin.experimental.create_mcp_server(
            new_server(
                auth_type=AuthType.CUSTOM_HEADERS,
                custom_headers={"X-Team": SecretStr("sentinel-header-value")},
                description="About",
            )
        )
        assert server.has_custom_headers
        changed = admin.experimental.update_mcp_server(
            server.id,
            UpdateMCPServerConfigRequest(availability=Availability.FORCE_ON, description=""),
        )
        assert (changed.availability, changed.description) == ("force_on", "")
        assert changed.has_custom_headers
        admin.experimental.delete_mcp_server(server.id)
        assert admin.experimental.list_mcp_servers() == []


def test_errors_are_of_the_kind_that_callers_catch(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin, sdk_client(deployment, "nobody's") as nobody:
        with pytest.raises(NotFoundError) as missing:
            admin.experimental.get_mcp_server(NOWHERE)
        assert missing.value.request_id
        with pytest.raises(UnauthenticatedError):
            nobody.get_user()
        with pytest.raises(InvalidRequestError) as invalid:
            admin.experimental.create_mcp_server(
                CreateMCPServerConfigRequest.model_construct(display_name="x")
            )
        assert "url" in {each.field for each in invalid.value.validations}
        assert "url: " in str(invalid.value)
        admin.create_user(CreateUserRequest(email="m@example.com", username="mara"))
        with pytest.raises(ConflictError):
            admin.create_user(CreateUserRequest(email="n@example.com", username="mara"))
    with (
        sdk_client(deployment, deployment.new_token("bo")) as member,
        pytest.raises(ForbiddenError),
    ):
        member.create_user(CreateUserRequest(email="o@example.com", username="other"))


def test_people_and_organisations(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin:
        mara = admin.create_user(CreateUserRequest(email="mara@example.com", username="mara"))
        created = admin.create_token(mara.id, CreateTokenRequest(token_name="laptop", lifetime=600))
        club = admin.create_organization(CreateOrganizationRequest(name="club"))
        assert admin.add_organization_member(club.id, mara.id).user_id == mara.id
        members = admin.list_organization_members(club.id)
        assert mara.id in {each.user_id for each in members}
        for page_size in (1, 100):
            found = admin.iter_organization_members(club.id, page_size=page_size)
            assert {each.user_id for each in found} == {each.user_id for each in members}
        assert admin.get_organization(club.id) in admin.list_organizations()
        assert admin.get_build_info().dashboard_url
        assert admin.get_readiness() == admin.get_health()
    with sdk_client(deployment, created.key) as member:
        assert member.get_user().id == mara.id
        member.logout()
        with pytest.raises(UnauthenticatedError):
            member.get_user()


def test_the_audit_log_is_read_page_by_page_and_exported(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin:
        for name in ("ann", "bo", "cy"):
            deployment.clock.advance(seconds=1)
            person = CreateUserRequest(email=f"{name}@example.com", username=name, name="A\u2028B")
            admin.create_user(person)
        wanted = AuditFilter(object_type="user", action="create", actor="me")
        expected = [each.id for each in admin.list_audit_events(wanted).events]
        assert len(expected) == 3
        for page_size in (1, 2, 100):
            listed = admin.iter_audit_events(wanted, page_size=page_size)
            assert [each.id for each in listed] == expected
            exported = list(admin.export_audit_events(wanted, page_size=page_size))
            assert [each.id for each in exported] == expected
        assert exported[0].diff["username"].new == "cy"
        later = AuditFilter(object_type="user", since=exported[0].time)
        assert [each.id for each in admin.iter_audit_events(later)] == expected[:1]
        earlier = AuditFilter(object_type="user", action="create", until=exported[1].time)
        assert expected[2] in [each.id for each in admin.iter_audit_events(earlier)]


def test_iterators_give_everything_page_by_page(deployment: Deployment) -> None:
    offer_model(deployment)
    with sdk_client(deployment) as admin:
        organization_id = admin.list_organizations()[0].id
        request = CreateChatRequest(
            organization_id=organization_id, content=[TextPart(type="text", text="Hello")]
        )
        made = []
        for _ in range(5):
            deployment.clock.advance(seconds=1)
            made.append(admin.experimental.create_chat(request).id)
        for page_size in (1, 2, 5, 100):
            found = admin.experimental.iter_chats(page_size=page_size)
            assert [chat.id for chat in found] == made[::-1]
        assert admin.experimental.get_chat(made[0]).title
        messages = list(admin.experimental.iter_chat_messages(made[0], page_size=1))
        assert [each.content for each in messages] == [[Text(text="Hello")]]


def test_an_iterator_ends_even_if_the_server_does_not() -> None:
    chat = {
        "id": "c",
        "owner_id": "o",
        "organization_id": "g",
        "title": "t",
        "status": "waiting",
        "mcp_server_ids": [],
        "labels": {},
        "archived": False,
        "pin_order": 0,
        "has_unread": False,
        "created_at": "2026-11-01T00:00:00Z",
        "updated_at": "2026-11-01T00:00:00Z",
    }
    recorder = Recorder(lambda _: httpx.Response(200, json=[chat]))
    with Client("https://ciborium.example", "token", transport=recorder) as client:
        assert len(list(client.experimental.iter_chats(page_size=1))) == 2


def test_the_wire_types_do_not_load_the_client() -> None:
    """The API's cold start pays for what it imports."""
    script = (
        "import sys, chalicelib.sdk.mcp_servers, chalicelib.sdk.chats, chalicelib.sdk.mcp_tools\n"
        "unwanted = ('httpx', 'click', 'rich', 'chalicelib.sdk.client', 'chalicelib.sdk.paging')\n"
        "print([name for name in unwanted if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_sdk_never_names_the_product_package() -> None:
    """Its wheel calls the package `ciborium`."""
    for source in (ROOT / "chalicelib/sdk").rglob("*.py"):
        lines = source.read_text(encoding="utf-8").splitlines()
        imports = [line for line in lines if line.lstrip().startswith(("import ", "from "))]
        assert not [line for line in imports if "chalicelib" in line], source.name


def test_every_public_name_can_be_had_and_no_other() -> None:
    from chalicelib import sdk

    assert sdk.ExperimentalClient is ExperimentalClient
    assert all(getattr(sdk, name) for name in sdk.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Klient'"):
        _ = sdk.Klient

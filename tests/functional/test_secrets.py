"""Secrets stay where they are sealed: not in a table, not in an answer, not in a log line."""

import json

import httpx
import pytest

from tests.support import aws
from tests.support.chat_models import KEY, PROVIDERS, create_provider
from tests.support.deployment import ADMIN_TOKEN
from tests.support.journey import World
from tests.support.servers import MANUAL_OAUTH2, SERVERS, create_server

SENTINELS = {
    "oauth2_client_secret": "sentinel-client-secret",
    "api_key_value": "sentinel-api-key",
    "custom_headers": "sentinel-custom-header",
    "model_api_key": KEY,
}


def whole_journey(world: World) -> list[httpx.Response]:
    """Everything that touches a secret; every answer on the way."""
    answers: list[httpx.Response] = []
    world.authorization_server.manages_registrations = True
    with world.browser() as browser, world.deployment.admin as admin:
        browser.event_hooks["response"].append(answers.append)
        admin.event_hooks["response"].append(answers.append)
        server_id = world.register()["id"]
        world.connect(browser, server_id)
        browser.get(f"{SERVERS}/{server_id}/tools")
        for slug, auth in (
            ("key", {"auth_type": "api_key", "api_key_header": "X-Key"}),
            ("headers", {"auth_type": "custom_headers"}),
            ("manual", MANUAL_OAUTH2),
        ):
            secrets = {
                "oauth2_client_secret": SENTINELS["oauth2_client_secret"],
                "api_key_value": SENTINELS["api_key_value"],
                "custom_headers": {"X-Secret": SENTINELS["custom_headers"]},
            }
            created = create_server(admin, slug=slug, **{**auth, **secrets})
            admin.get(f"{SERVERS}/{created['id']}")
            admin.get(f"{SERVERS}/{created['id']}/tools")
            admin.patch(f"{SERVERS}/{created['id']}", json=secrets)
        provider = create_provider(admin)
        admin.patch(f"{PROVIDERS}/{provider['id']}", json={"api_key": KEY, "enabled": False})
        admin.get(PROVIDERS)
        admin.get(SERVERS)
        admin.get(f"{SERVERS}/{server_id}/oauth2/callback?code=sentinel-code&state=sentinel-state")
    return answers


def secrets_of(world: World) -> set[str]:
    provider = world.authorization_server
    clients = {client.secret for client in provider.clients.values() if client.secret}
    tokens = set(provider.tokens)
    codes = set(provider.codes)
    assert len(clients) == 1
    assert len(tokens) == 2
    assert len(codes) == 1
    management = set(world.authorization_server.management_tokens.values())
    assert len(management) == 1
    return {*clients, *tokens, *codes, *management, *SENTINELS.values(), ADMIN_TOKEN}


def dump_of_all_tables() -> str:
    client = aws.client("dynamodb")
    items = [
        item
        for table in client.list_tables()["TableNames"]
        for item in client.scan(TableName=table)["Items"]
    ]
    assert len(items) > 10
    return "\n".join(f"{name}={value!r}" for item in items for name, value in _flat(item))


def _flat(item: dict[str, dict[str, object]]) -> list[tuple[str, object]]:
    return [(name, content) for name, typed in item.items() for content in typed.values()]


@pytest.mark.rule(44)
def test_a_dump_of_every_table_reveals_no_secret(world: World) -> None:
    whole_journey(world)
    dump = dump_of_all_tables()
    for secret in secrets_of(world):
        assert secret not in dump
        assert json.dumps(secret)[1:-1] not in dump
    assert "login.example" in dump  # What is no secret is there, so the dump is a real one.


@pytest.mark.rule(44)
def test_no_answer_and_no_log_line_shows_a_secret(world: World) -> None:
    answers = whole_journey(world)
    provider_codes = set(world.authorization_server.codes)
    assert len(answers) > 12
    for answer in answers:
        shown = f"{answer.text}\n{answer.headers}"
        for secret in secrets_of(world) - provider_codes:
            assert secret not in shown
    log = "\n".join(world.deployment.log_lines)
    assert "/oauth2/callback" in log
    for secret in secrets_of(world) | {"sentinel-code", "sentinel-state"}:
        assert secret not in log
    states = {each.split("state=")[1][:20] for each in map(_location, answers) if "state=" in each}
    assert states
    assert not any(state in log for state in states)


def _location(answer: httpx.Response) -> str:
    return str(answer.headers.get("location", ""))


@pytest.mark.rule(44)
def test_nothing_that_holds_a_secret_shows_it_when_printed(world: World) -> None:
    from chalicelib.identity.models import Actor
    from chalicelib.oauth2.flow import CallbackQuery
    from chalicelib.oauth2.models import ClientCredentials, TokenResponse
    from chalicelib.sdk.requests.mcp_servers import CreateMCPServerConfigRequest
    from tests.support.servers import server_body

    body = server_body(api_key_value="sentinel-1", custom_headers={"X-A": "sentinel-2"})
    holders = [
        CreateMCPServerConfigRequest.model_validate_json(json.dumps(body)),
        ClientCredentials("id", "sentinel-3", "none"),
        TokenResponse(
            access_token="sentinel-4",
            refresh_token="sentinel-5",
            token_type="Bearer",
            expires_in=None,
            scope="",
        ),
        CallbackQuery("sentinel-6", "sentinel-7", None, "", "", "sentinel-8", "sentinel-9"),
        Actor("user", (), "sentinel-10"),
    ]
    for holder in holders:
        assert "sentinel" not in repr(holder)
        assert "sentinel" not in str(holder)

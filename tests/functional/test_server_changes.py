"""PATCH, field by field: what absent, null and empty mean, and what a change entails.

The tables follow `coder-reference.md` 1.3 and 1.4, and `api.md` where it decides differently.
"""

from typing import Any

import httpx
import pytest

from chalicelib.sdk.requests.mcp_servers import UpdateMCPServerConfigRequest
from tests.support.deployment import ADMIN_TOKEN, Deployment, error_of
from tests.support.journey import ISSUER, World
from tests.support.servers import MANUAL_OAUTH2, SERVERS, create_server, server_body
from tests.support.tables import table_items

OAUTH2 = {
    **MANUAL_OAUTH2,
    "oauth2_revocation_url": "https://login.example/revoke",
    "oauth2_issuer": "https://login.example",
    "oauth2_scopes": "read write",
}
API_KEY = {"auth_type": "api_key", "api_key_header": "X-Key", "api_key_value": "sentinel-api-key"}
HEADERS = {"auth_type": "custom_headers", "custom_headers": {"X-Team": "sentinel-header"}}
TYPES: dict[str, dict[str, Any]] = {
    "none": {"auth_type": "none"},
    "oauth2": OAUTH2,
    "api_key": API_KEY,
    "custom_headers": HEADERS,
    "user_oidc": {"auth_type": "user_oidc"},
}
FILLED = {
    "description": "About",
    "icon_url": "/icon/x.svg",
    "tool_allow_list": ["search"],
    "tool_deny_list": ["drop"],
    "availability": "default_on",
    "enabled": True,
    "model_intent": True,
    "allow_in_plan_mode": True,
    "forward_identity_headers": True,
}
FLAGS = {
    "oauth2_client_secret": "has_oauth2_secret",
    "api_key_value": "has_api_key",
    "custom_headers": "has_custom_headers",
}


def shown_as(field: str, server: dict[str, Any]) -> Any:
    """What the API shows of a field; of a secret only whether it is set."""
    return server[FLAGS[field]] if field in FLAGS else server.get(field)


def without_times(server: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in server.items() if name != "updated_at"}


def type_of(field: str) -> str:
    """The auth type that a field belongs to."""
    prefixes = {"oauth2_": "oauth2", "api_key_": "api_key", "custom_headers": "custom_headers"}
    return next((kind for prefix, kind in prefixes.items() if field.startswith(prefix)), "none")


FIELDS = tuple(UpdateMCPServerConfigRequest.model_fields)


@pytest.mark.parametrize("kind", TYPES)
def test_null_changes_nothing_whatever_the_field(deployment: Deployment, kind: str) -> None:
    with deployment.admin as admin:
        created = create_server(admin, **FILLED, **TYPES[kind])
        path = f"{SERVERS}/{created['id']}"
        before = without_times(admin.get(path).json())
        for field in FIELDS:
            answer = admin.patch(path, json={field: None})
            assert answer.status_code == 200, field
            assert without_times(answer.json()) == before, field
        assert without_times(admin.patch(path, json={"colour": "red"}).json()) == before
        assert without_times(admin.patch(path, json={}).json()) == before


# Field: what it is set to, and what is shown then if that differs.
NEW_VALUES: dict[str, tuple[Any, Any]] = {
    "display_name": (" Other ", "Other"),
    "slug": ("other", "other"),
    "description": (" Other\n", "Other"),
    "icon_url": ("/icon/y.png", "/icon/y.png"),
    "transport": ("sse", "sse"),
    "url": ("https://tickets.example/other", "https://tickets.example/other"),
    "oauth2_client_id": ("client-2", "client-2"),
    "oauth2_client_secret": ("other", True),
    "oauth2_auth_url": ("https://login.example/a", "https://login.example/a"),
    "oauth2_token_url": ("https://login.example/t", "https://login.example/t"),
    "oauth2_revocation_url": ("https://login.example/r", "https://login.example/r"),
    "oauth2_issuer": ("https://issuer.example", "https://issuer.example"),
    "oauth2_scopes": (" admin ", "admin"),
    "api_key_header": ("X-Other", "X-Other"),
    "api_key_value": ("other", True),
    "custom_headers": ({"X-Other": "other"}, True),
    "tool_allow_list": ([" a ", "", "b", "a"], ["a", "b"]),
    "tool_deny_list": (["c"], ["c"]),
    "tool_rules": ({"search": "ask"}, {"search": "ask"}),
    "tool_changes": ("withhold", "withhold"),
    "availability": ("force_on", "force_on"),
    "enabled": (False, False),
    "model_intent": (False, False),
    "allow_in_plan_mode": (False, False),
    "forward_identity_headers": (False, False),
    "forward_coder_headers": (False, False),
}
ELSEWHERE = {"auth_type", "user_header_names", "organization_ids"}  # Tests of their own.


def test_every_field_that_can_be_changed_is_in_the_tables() -> None:
    assert set(NEW_VALUES) | ELSEWHERE >= set(FIELDS)
    assert set(EMPTY) | ELSEWHERE >= set(FIELDS)


@pytest.mark.parametrize("kind", ["oauth2", "api_key", "custom_headers"])
def test_a_value_sets_its_field_and_no_other(deployment: Deployment, kind: str) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin, **FILLED, **TYPES[kind])['id']}"
        for field, (value, shown) in NEW_VALUES.items():
            if type_of(field) not in {"none", kind}:
                continue
            before = admin.get(path).json()
            answer = admin.patch(path, json={field: value})
            assert answer.status_code == 200, (field, answer.text)
            after = answer.json()
            assert shown_as(field, after) == shown, field
            assert admin.get(path).json() == after
            changed = {name for name in after if after[name] != before.get(name)}
            both = {"forward_identity_headers", "forward_coder_headers"}
            related = both if field in both else {field}
            if field in {"oauth2_client_id", "oauth2_auth_url", "oauth2_token_url"}:
                related |= {"oauth2_issuer"}  # It was another client's.
            assert changed <= {*related, "updated_at", FLAGS.get(field)}, field


CLEARED, REFUSED, INCOMPLETE = "cleared", "invalid_body", "invalid_mcp_server"
# Field: what its empty value does to a server of its auth type.
EMPTY: dict[str, tuple[Any, str]] = {
    "display_name": ("", REFUSED),
    "slug": ("", REFUSED),
    "description": ("", CLEARED),
    "icon_url": ("", CLEARED),
    "transport": ("", REFUSED),
    "url": ("", REFUSED),
    "oauth2_client_id": ("", INCOMPLETE),
    "oauth2_client_secret": ("", CLEARED),
    "oauth2_auth_url": ("", INCOMPLETE),
    "oauth2_token_url": ("", INCOMPLETE),
    "oauth2_revocation_url": ("", CLEARED),
    "oauth2_issuer": ("", CLEARED),
    "oauth2_scopes": ("", CLEARED),
    "api_key_header": ("", INCOMPLETE),
    "api_key_value": ("", INCOMPLETE),
    "custom_headers": ({}, INCOMPLETE),
    "tool_allow_list": ([], CLEARED),
    "tool_deny_list": ([], CLEARED),
    "tool_rules": ({}, CLEARED),
    "tool_changes": ("", REFUSED),
    "availability": ("", REFUSED),
    "enabled": ("", REFUSED),
    "model_intent": ("", REFUSED),
    "allow_in_plan_mode": ("", REFUSED),
    "forward_identity_headers": ("", REFUSED),
    "forward_coder_headers": ("", REFUSED),
}


@pytest.mark.parametrize("kind", ["oauth2", "api_key", "custom_headers"])
def test_an_empty_value_clears_what_may_be_empty(deployment: Deployment, kind: str) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin, **FILLED, **TYPES[kind])['id']}"
        for field, (empty, outcome) in EMPTY.items():
            if type_of(field) not in {"none", kind}:
                continue
            before = admin.get(path)
            answer = admin.patch(path, json={field: empty})
            if outcome == CLEARED:
                assert answer.status_code == 200, (field, answer.text)
                assert not shown_as(field, answer.json()), field
            else:
                assert error_of(answer) == (400, outcome), field
                assert [each["field"] for each in answer.json()["validations"]] == [field]
                after = admin.get(path)
                assert after.headers["etag"] == before.headers["etag"]


def test_blanks_alone_are_empty(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin, **API_KEY)['id']}"
        assert error_of(admin.patch(path, json={"display_name": " \t "})) == (400, "invalid_body")
        refused = admin.patch(path, json={"api_key_value": "  "})
        assert error_of(refused) == (400, "invalid_mcp_server")
        assert admin.patch(path, json={"description": "  "}).json()["description"] == ""


@pytest.mark.parametrize("after", TYPES)
@pytest.mark.parametrize("before", TYPES)
def test_of_every_auth_type_only_its_own_remains(
    deployment: Deployment, before: str, after: str
) -> None:
    with deployment.admin as admin:
        created = create_server(admin, **FILLED, **TYPES[before])
        path = f"{SERVERS}/{created['id']}"
        changed = admin.patch(path, json=TYPES[after]).json()
        assert changed["auth_type"] == after
        assert {kind for kind, flag in _flags().items() if changed[flag]} == {after} & set(_flags())
        left = {name for name in changed if name.startswith("oauth2_")} - {"oauth2_callback_url"}
        own = {name for name in OAUTH2 if name.startswith("oauth2_")} - {"oauth2_client_secret"}
        assert left == (own if after == "oauth2" else set())
        assert ("api_key_header" in changed) == (after == "api_key")
        kept = {name: changed[name] for name in FILLED}
        assert kept == FILLED


@pytest.mark.parametrize("kind", ["oauth2", "api_key", "custom_headers"])
def test_a_secret_that_was_taken_away_does_not_come_back(deployment: Deployment, kind: str) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin, **TYPES[kind])['id']}"
        admin.patch(path, json={"auth_type": "none"}).raise_for_status()
        refused = admin.patch(path, json={"auth_type": kind})
        assert error_of(refused) == (400, "invalid_mcp_server")


@pytest.mark.parametrize(
    ("kind", "change", "fields"),
    [
        ("none", {"auth_type": "api_key"}, ["api_key_header", "api_key_value"]),
        ("none", {"auth_type": "api_key", "api_key_header": "X-Key"}, ["api_key_value"]),
        ("none", {"auth_type": "api_key", "api_key_value": "x"}, ["api_key_header"]),
        ("none", {"auth_type": "custom_headers"}, ["custom_headers"]),
        ("none", {"auth_type": "custom_headers", "custom_headers": {}}, ["custom_headers"]),
        (
            "none",
            {"auth_type": "oauth2"},
            ["oauth2_client_id", "oauth2_auth_url", "oauth2_token_url"],
        ),
        (
            "none",
            {"auth_type": "oauth2", "oauth2_client_id": "x"},
            ["oauth2_auth_url", "oauth2_token_url"],
        ),
        ("oauth2", {"oauth2_auth_url": "", "oauth2_token_url": ""}, None),
        ("api_key", {"auth_type": "custom_headers", "api_key_value": "x"}, ["custom_headers"]),
    ],
)
def test_the_result_must_have_what_its_auth_type_needs(
    deployment: Deployment, kind: str, change: dict[str, Any], fields: list[str] | None
) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin, **TYPES[kind])['id']}"
        before = admin.get(path).json()
        refused = admin.patch(path, json=change)
        assert error_of(refused) == (400, "invalid_mcp_server")
        if fields is not None:
            assert [each["field"] for each in refused.json()["validations"]] == fields
        assert admin.get(path).json() == before


STAYS: dict[str, Any] = {
    "display_name": "Other",
    "slug": "other",
    "description": "Other",
    "icon_url": "/icon/y.png",
    "oauth2_client_secret": "another",
    "oauth2_scopes": "read",
    "tool_allow_list": ["search"],
    "tool_deny_list": ["drop"],
    "availability": "force_on",
    "enabled": False,
    "model_intent": True,
    "allow_in_plan_mode": True,
    "forward_identity_headers": True,
}
MOVES: dict[str, Any] = {
    "url": "https://tickets.example/elsewhere",
    "oauth2_client_id": "another",
    "oauth2_token_url": f"{ISSUER}/elsewhere",
    "oauth2_revocation_url": "",
    "auth_type": "none",
}


def is_connected(world: World, server_id: str, token: str) -> bool:
    with world.deployment.client(token) as client:
        return bool(client.get(f"{SERVERS}/{server_id}").json()["auth_connected"])


def test_connections_survive_every_change_that_leads_nowhere_else(world: World) -> None:
    server_id = world.connected()
    with world.deployment.admin as admin:
        for field, value in STAYS.items():
            admin.patch(f"{SERVERS}/{server_id}", json={field: value}).raise_for_status()
            assert is_connected(world, server_id, ADMIN_TOKEN), field
        same = {name: admin.get(f"{SERVERS}/{server_id}").json()[name] for name in ("url",)}
        admin.patch(f"{SERVERS}/{server_id}", json=same).raise_for_status()
    assert is_connected(world, server_id, ADMIN_TOKEN)


@pytest.mark.parametrize("field", MOVES)
def test_everybody_s_connection_is_void_once_it_would_lead_elsewhere_even_after_a_way_back(
    world: World, field: str
) -> None:
    server_id, mara = world.connected(), world.deployment.new_token("mara")
    world.connect_as(mara, server_id)
    with world.deployment.admin as admin:
        path = f"{SERVERS}/{server_id}"
        before = admin.get(path).json()
        admin.patch(path, json={field: MOVES[field]}).raise_for_status()
        back = {name: before[name] for name in before if name in FIELDS}
        back["oauth2_client_secret"] = "entered again"
        admin.patch(path, json=back).raise_for_status()
        after = admin.get(path).json()
    assert after[field] == before[field]
    assert not is_connected(world, server_id, ADMIN_TOKEN)
    assert not is_connected(world, server_id, mara)


@pytest.mark.parametrize(
    ("method", "server_id", "expected"),
    [
        ("PATCH", "garbage", (400, "invalid_mcp_server_id")),
        ("PATCH", "00000000-0000-4000-8000-000000000000", (404, "mcp_server_not_found")),
        ("DELETE", "garbage", (400, "invalid_mcp_server_id")),
        ("DELETE", "00000000-0000-4000-8000-000000000000", (404, "mcp_server_not_found")),
    ],
)
def test_what_is_wrong_with_an_id_is_told_to_everybody(
    deployment: Deployment, method: str, server_id: str, expected: tuple[int, str]
) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        path = f"{SERVERS}/{server_id}"
        assert error_of(admin.request(method, path, json={})) == expected
        assert error_of(mara.request(method, path, json={})) == expected


@pytest.mark.parametrize("kind", TYPES)
def test_what_changes_nothing_makes_no_version_and_no_event(
    deployment: Deployment, kind: str
) -> None:
    with deployment.admin as admin:
        created = create_server(admin, **{**FILLED, **TYPES[kind]})
        path = f"{SERVERS}/{created['id']}"
        before, events = admin.get(path), table_items("audit")
        known = {**FILLED, "slug": created["slug"], "auth_type": kind, "url": created["url"]}
        for same in ({}, {"enabled": None}, known):
            answer = admin.patch(path, json=same)
            assert answer.status_code == 200, answer.text
            assert answer.headers["ETag"] == before.headers["ETag"]
            assert answer.json() == before.json()
        assert table_items("audit") == events
        stale = admin.patch(path, json={}, headers={"If-Match": '"99"'})
    assert error_of(stale) == (409, "mcp_server_changed")


def test_a_taken_slug_is_refused_with_everything_that_came_with_it(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin:
        create_server(admin)
        other = create_server(admin, slug="other")
        path = f"{SERVERS}/{other['id']}"
        before: httpx.Response = admin.get(path)
        refused = admin.patch(path, json={"slug": "tickets", "description": "New"})
        assert error_of(refused) == (409, "mcp_server_slug_taken")
        assert admin.get(path).json() == before.json()
        same = admin.patch(path, json={"slug": "other"})
        assert same.status_code == 200


def test_secrets_of_other_types_are_kept_as_sent_on_create_and_go_with_the_first_change(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin:
        created = create_server(admin, **{**OAUTH2, **API_KEY, **HEADERS, "auth_type": "none"})
        assert all(created[flag] for flag in FLAGS.values())
        path = f"{SERVERS}/{created['id']}"
        changed = admin.patch(path, json={"description": "New"}).json()
        assert not any(changed[flag] for flag in FLAGS.values())


def test_a_created_server_says_it_is_not_connected_whatever_its_type(
    deployment: Deployment,
) -> None:
    """As the reference does: the creation does not look."""
    with deployment.admin as admin:
        for kind, auth in TYPES.items():
            slug = kind.replace("_", "-")
            answer = admin.post(SERVERS, json=server_body(slug=slug, **auth))
            assert answer.status_code == 201
            assert not answer.json()["auth_connected"], kind


def _flags() -> dict[str, str]:
    return {
        "oauth2": "has_oauth2_secret",
        "api_key": "has_api_key",
        "custom_headers": "has_custom_headers",
    }

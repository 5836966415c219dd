import pytest

from tests.support import aws
from tests.support.deployment import PUBLIC_URL, Deployment, error_of
from tests.support.servers import MANUAL_OAUTH2, NOWHERE, SERVERS, create_server, server_body

API_KEY = {"auth_type": "api_key", "api_key_header": "X-Key", "api_key_value": "sentinel-api-key"}
HEADERS = {"auth_type": "custom_headers", "custom_headers": {"X-Team": "sentinel-header-value"}}
SENTINELS = ("sentinel-client-secret", "sentinel-api-key", "sentinel-header-value", "X-Team")


def test_a_created_server_is_returned_whole_and_disabled(deployment: Deployment) -> None:
    created = create_server(
        deployment.admin, description=" About ", tool_deny_list=[" a ", "", "a"]
    )
    identity = {"id", "created_at", "updated_at", "oauth2_callback_url"}
    assert {name: value for name, value in created.items() if name not in identity} == {
        "display_name": "Tickets",
        "slug": "tickets",
        "description": "About",
        "icon_url": "",
        "transport": "streamable_http",
        "url": "https://tickets.example/mcp",
        "auth_type": "none",
        "has_oauth2_secret": False,
        "has_api_key": False,
        "has_custom_headers": False,
        "tool_allow_list": [],
        "tool_deny_list": ["a"],
        "tool_rules": {},
        "tool_changes": "flag",
        "availability": "default_off",
        "enabled": False,
        "model_intent": False,
        "allow_in_plan_mode": False,
        "forward_coder_headers": False,
        "organization_ids": [],
        "auth_connected": False,
    }
    expected = f"{PUBLIC_URL}{SERVERS}/{created['id']}/oauth2/callback"
    assert created["oauth2_callback_url"] == expected


def test_a_slug_is_made_from_the_display_name(deployment: Deployment) -> None:
    body = {"display_name": "Ünï  GitHub (prod)!", "slug": None}
    assert create_server(deployment.admin, **body)["slug"] == "n-github-prod"
    refused = deployment.admin.post(SERVERS, json=server_body(display_name="日本", slug=None))
    assert error_of(refused) == (400, "invalid_mcp_server")


def test_servers_are_listed_by_display_name(deployment: Deployment) -> None:
    with deployment.admin as admin:
        for name in ("zebra", "Apple", "mango"):
            create_server(admin, display_name=name, slug=name.lower())
        assert [each["display_name"] for each in admin.get(SERVERS).json()] == [
            "Apple",
            "mango",
            "zebra",
        ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": "x" * 129}, "display_name"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"transport": "carrier_pigeon"}, "transport"),
        ({"auth_type": "magic"}, "auth_type"),
        ({"availability": "sometimes"}, "availability"),
        ({"enabled": "yes"}, "enabled"),
        ({"url": "ftp://tickets.example"}, "url"),
        ({"url": "tickets.example"}, "url"),
        ({"url": "https://user:pass@tickets.example"}, "url"),
        ({"url": "https://tickets.example/#part"}, "url"),
        ({"url": "https://tickets.example/" + "x" * 2048}, "url"),
        ({"url": "https://tickets.example:99999/"}, "url"),
        ({"oauth2_token_url": "javascript:alert(1)"}, "oauth2_token_url"),
        ({"icon_url": "https://evil.example/pixel.png"}, "icon_url"),
        ({"icon_url": "//evil.example/pixel.png"}, "icon_url"),
        ({"icon_url": "/\\evil.example"}, "icon_url"),
        ({"api_key_header": "Host"}, "api_key_header"),
        ({"api_key_header": "X Key"}, "api_key_header"),
        ({"api_key_value": "a\r\nb"}, "api_key_value"),
        ({"custom_headers": {"X-A": "1", "x-a": "2"}}, "custom_headers"),
        ({"custom_headers": {"Content-Length": "1"}}, "custom_headers"),
        ({"custom_headers": {"": "1"}}, "custom_headers"),
        ({"custom_headers": {"X-A": " "}}, "custom_headers"),
        ({"custom_headers": {"X-A": "a\nb"}}, "custom_headers"),
        ({"custom_headers": ["X-A"]}, "custom_headers"),
        ({"tool_allow_list": "search"}, "tool_allow_list"),
        ({"tool_allow_list": [1]}, "tool_allow_list.0"),
    ],
)
def test_a_bad_field_is_400_and_named(
    deployment: Deployment, changes: dict[str, object], field: str
) -> None:
    with deployment.admin as admin:
        refused = admin.post(SERVERS, json=server_body(**changes))
        assert error_of(refused) == (400, "invalid_body")
        assert [each["field"] for each in refused.json()["validations"]] == [field]
        assert admin.get(SERVERS).json() == []


@pytest.mark.parametrize(
    "missing", ["display_name", "transport", "url", "auth_type", "availability"]
)
def test_a_missing_field_is_400_and_named(deployment: Deployment, missing: str) -> None:
    body = server_body()
    del body[missing]
    refused = deployment.admin.post(SERVERS, json=body)
    assert [each["field"] for each in refused.json()["validations"]] == [missing]


@pytest.mark.parametrize("body", ["{", "[]", "null", '"text"', "7", "\xff"])
def test_a_body_that_is_no_json_object_is_400(deployment: Deployment, body: str) -> None:
    refused = deployment.admin.post(
        SERVERS, content=body.encode("latin-1"), headers={"Content-Type": "application/json"}
    )
    assert error_of(refused) == (400, "invalid_body")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"auth_type": "oauth2", "oauth2_client_id": "x"}, ["oauth2_auth_url", "oauth2_token_url"]),
        (
            {"auth_type": "oauth2", "oauth2_auth_url": "https://a.example/authorize"},
            ["oauth2_client_id", "oauth2_token_url"],
        ),
        ({"auth_type": "api_key"}, ["api_key_header", "api_key_value"]),
        ({"auth_type": "api_key", "api_key_header": "X-Key"}, ["api_key_value"]),
        ({"auth_type": "custom_headers"}, ["custom_headers"]),
        ({"auth_type": "custom_headers", "custom_headers": {}}, ["custom_headers"]),
    ],
)
def test_what_an_auth_type_needs_must_be_there(
    deployment: Deployment, changes: dict[str, object], fields: list[str]
) -> None:
    refused = deployment.admin.post(SERVERS, json=server_body(**changes))
    assert error_of(refused) == (400, "invalid_mcp_server")
    assert [each["field"] for each in refused.json()["validations"]] == fields


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/mcp",
        "https://10.0.0.1/mcp",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/mcp",
        "https://[::ffff:10.0.0.1]/mcp",
        "https://2130706433/mcp",
        "https://0177.0.0.1/mcp",
    ],
)
def test_a_private_address_is_refused_on_create_and_on_change(
    deployment: Deployment, url: str
) -> None:
    with deployment.admin as admin:
        refused = admin.post(SERVERS, json=server_body(url=url))
        assert error_of(refused) == (400, "address_not_permitted")
        created = create_server(admin)
        refused = admin.patch(f"{SERVERS}/{created['id']}", json={"url": url})
        assert error_of(refused) == (400, "address_not_permitted")
        assert admin.get(f"{SERVERS}/{created['id']}").json()["url"] == created["url"]


def test_a_slug_is_taken_once(deployment: Deployment) -> None:
    with deployment.admin as admin:
        create_server(admin)
        refused = admin.post(SERVERS, json=server_body(display_name="Other"))
        assert error_of(refused) == (409, "mcp_server_slug_taken")
        other = create_server(admin, slug="other")
        refused = admin.patch(f"{SERVERS}/{other['id']}", json={"slug": "tickets"})
        assert error_of(refused) == (409, "mcp_server_slug_taken")
        assert admin.patch(f"{SERVERS}/{other['id']}", json={"slug": "third"}).status_code == 200
        create_server(admin, slug="other")


def test_no_secret_is_ever_returned_only_that_it_is_set(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        everything = {**API_KEY, **HEADERS, **MANUAL_OAUTH2, "enabled": True}
        response = admin.post(SERVERS, json=server_body(**everything))
        path = f"{SERVERS}/{response.json()['id']}"
        answers = [response, admin.get(path), admin.get(SERVERS), mara.get(path), mara.get(SERVERS)]
        answers.append(admin.patch(path, json={"oauth2_client_secret": "sentinel-client-secret"}))
        for answer in answers:
            assert answer.status_code < 300
            for sentinel in SENTINELS:
                assert sentinel not in answer.text
        created = response.json()
        flags = ("has_oauth2_secret", "has_api_key", "has_custom_headers")
        assert [created[flag] for flag in flags] == [True, True, True]


def test_a_refused_body_is_not_quoted(deployment: Deployment) -> None:
    body = server_body(
        **{**API_KEY, "api_key_value": "sentinel\nwith a break", "custom_headers": 7}
    )
    refused = deployment.admin.post(SERVERS, json=body)
    assert refused.status_code == 400
    assert "sentinel" not in refused.text
    assert not any("sentinel" in line for line in deployment.log_lines)


def test_members_see_enabled_servers_without_where_and_how(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        hidden = create_server(admin, slug="hidden")
        shown = create_server(admin, slug="shown", enabled=True, **MANUAL_OAUTH2)
        assert [each["slug"] for each in mara.get(SERVERS).json()] == ["shown"]
        assert error_of(mara.get(f"{SERVERS}/{hidden['id']}")) == (404, "mcp_server_not_found")
        seen = mara.get(f"{SERVERS}/{shown['id']}").json()
    assert (seen["url"], seen["transport"]) == ("", "")
    private = ("client_id", "auth_url", "token_url", "revocation_url", "scopes", "callback_url")
    assert not any(f"oauth2_{name}" in seen for name in private)
    assert "api_key_header" not in seen
    assert seen["has_oauth2_secret"]
    assert (seen["auth_type"], seen["auth_connected"]) == ("oauth2", False)


def test_members_change_nothing(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        path = f"{SERVERS}/{create_server(admin, enabled=True)['id']}"
        assert error_of(mara.post(SERVERS, json=server_body(slug="x"))) == (403, "not_allowed")
        assert error_of(mara.patch(path, json={"enabled": False})) == (403, "not_allowed")
        assert error_of(mara.delete(path)) == (403, "not_allowed")
        refused = mara.patch(f"{SERVERS}/garbage", json={})
        assert error_of(refused) == (400, "invalid_mcp_server_id")
        for server_id in (NOWHERE, create_server(admin, slug="hidden")["id"]):
            refused = mara.patch(f"{SERVERS}/{server_id}", json={})
            assert error_of(refused) == (404, "mcp_server_not_found")
        assert admin.get(path).json()["enabled"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_bad_id_is_400_and_an_unknown_one_404(deployment: Deployment, method: str) -> None:
    with deployment.admin as admin:
        for server_id, expected in (
            ("garbage", (400, "invalid_mcp_server_id")),
            (NOWHERE, (404, "mcp_server_not_found")),
        ):
            response = admin.request(method, f"{SERVERS}/{server_id}", content=b"{}")
            assert error_of(response) == expected


def test_a_change_leaves_alone_what_it_does_not_name(deployment: Deployment) -> None:
    with deployment.admin as admin:
        before = create_server(admin, **API_KEY, tool_allow_list=["search"])
        path = f"{SERVERS}/{before['id']}"
        changed = admin.patch(
            path, json={"description": "New", "slug": None, "enabled": True}
        ).json()
        expected = {**before, "description": "New", "enabled": True, "auth_connected": True}
        expected["updated_at"] = changed["updated_at"]
        assert changed == expected
        assert admin.get(path).json() == changed


def test_an_empty_value_clears_and_a_list_replaces(deployment: Deployment) -> None:
    with deployment.admin as admin:
        body = {"description": "Old", "tool_deny_list": ["a", "b"]}
        path = f"{SERVERS}/{create_server(admin, **body)['id']}"
        changed = admin.patch(path, json={"description": "", "tool_deny_list": ["c"]}).json()
        assert (changed["description"], changed["tool_deny_list"]) == ("", ["c"])


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        ({"auth_type": "none"}, (False, False, False)),
        (API_KEY, (False, True, False)),
        (HEADERS, (False, False, True)),
        (MANUAL_OAUTH2, (True, False, False)),
    ],
    ids=["none", "api_key", "custom_headers", "oauth2"],
)
def test_another_auth_type_takes_the_other_secrets_away(
    deployment: Deployment, change: dict[str, object], flags: tuple[bool, bool, bool]
) -> None:
    with deployment.admin as admin:
        created = create_server(admin, **{**API_KEY, **HEADERS, **MANUAL_OAUTH2})
        changed = admin.patch(f"{SERVERS}/{created['id']}", json=change).json()
        names = ("has_oauth2_secret", "has_api_key", "has_custom_headers")
        assert tuple(changed[name] for name in names) == flags
        if change["auth_type"] != "oauth2":
            assert not any(
                name.startswith("oauth2_") for name in changed.keys() - {"oauth2_callback_url"}
            )


@pytest.mark.parametrize(
    "change",
    [
        {"auth_type": "api_key"},
        {"auth_type": "custom_headers"},
        {"auth_type": "oauth2"},
        {"auth_type": "oauth2", "oauth2_client_id": "x"},
    ],
)
def test_a_change_is_refused_when_the_result_would_lack_something(
    deployment: Deployment, change: dict[str, object]
) -> None:
    with deployment.admin as admin:
        before = create_server(admin)
        refused = admin.patch(f"{SERVERS}/{before['id']}", json=change)
        assert error_of(refused) == (400, "invalid_mcp_server")
        after = admin.get(f"{SERVERS}/{before['id']}").json()
        assert after["auth_type"] == "none"


def test_a_deleted_server_is_gone_and_its_slug_free(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin)['id']}"
        deleted = admin.delete(path)
        assert (deleted.status_code, deleted.content) == (204, b"")
        assert error_of(admin.get(path)) == (404, "mcp_server_not_found")
        assert error_of(admin.delete(path)) == (404, "mcp_server_not_found")
        assert admin.get(SERVERS).json() == []
        create_server(admin)


@pytest.mark.parametrize("auth", [{"auth_type": "none"}, API_KEY, HEADERS])
def test_servers_without_a_personal_sign_in_count_as_connected(
    deployment: Deployment, auth: dict[str, object]
) -> None:
    with deployment.admin as admin:
        created = create_server(admin, **auth)
        assert admin.get(f"{SERVERS}/{created['id']}").json()["auth_connected"]
        assert admin.get(SERVERS).json()[0]["auth_connected"]


@pytest.mark.parametrize(
    ("auth", "move", "secret"),
    [
        (API_KEY, {"url": "https://elsewhere.example/mcp"}, "api_key_value"),
        (HEADERS, {"url": "https://elsewhere.example/mcp"}, "custom_headers"),
        (
            MANUAL_OAUTH2,
            {"oauth2_token_url": "https://elsewhere.example/token"},
            "oauth2_client_secret",
        ),
        (
            MANUAL_OAUTH2,
            {"oauth2_revocation_url": "https://elsewhere.example/revoke"},
            "oauth2_client_secret",
        ),
    ],
    ids=["api key", "custom headers", "token URL", "revocation URL"],
)
def test_a_secret_goes_to_another_host_only_if_it_is_entered_again(
    deployment: Deployment, auth: dict[str, object], move: dict[str, object], secret: str
) -> None:
    """Who may change a server could read its secrets otherwise, by sending them to themselves."""
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin, **auth)['id']}"
        refused = admin.patch(path, json=move)
        assert error_of(refused) == (400, "invalid_mcp_server")
        assert [each["field"] for each in refused.json()["validations"]] == [secret]
        assert admin.patch(path, json={**move, secret: auth[secret]}).status_code == 200
        same_host = {"url": "https://elsewhere.example/v2"} if "url" in move else move
        assert admin.patch(path, json=same_host).status_code == 200


def test_an_interrupted_deletion_frees_the_slug_and_is_finished_by_repeating_it(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin:
        server_id = create_server(admin)["id"]
        aws.lose_table("connections")  # The deletion stops after it has hidden the server.
        assert admin.delete(f"{SERVERS}/{server_id}").status_code == 503
        assert error_of(admin.get(f"{SERVERS}/{server_id}")) == (404, "mcp_server_not_found")
        create_server(admin)


def test_rules_of_tools_are_replaced_as_a_whole_and_kept_by_a_change_of_something_else(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin:
        rules = {"search": "ask", "delete issue": "deny", "list": "allow"}
        created = create_server(admin, tool_rules=rules, tool_changes="withhold")
        assert (created["tool_rules"], created["tool_changes"]) == (rules, "withhold")
        path = f"{SERVERS}/{created['id']}"
        kept = admin.patch(path, json={"description": "New", "tool_rules": None}).json()
        assert (kept["tool_rules"], kept["tool_changes"]) == (rules, "withhold")
        for rules in ({"other": "ask"}, {}):
            admin.patch(path, json={"tool_rules": rules}).raise_for_status()
            assert admin.get(path).json()["tool_rules"] == rules


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tool_rules": {"search": "perhaps"}}, "tool_rules.search"),
        ({"tool_rules": {"": "ask"}}, "tool_rules"),
        ({"tool_rules": ["search"]}, "tool_rules"),
        ({"tool_rules": {str(number): "ask" for number in range(513)}}, "tool_rules"),
        ({"tool_changes": "ignore"}, "tool_changes"),
    ],
    ids=["unknown rule", "no name", "a list", "too many", "unknown setting"],
)
def test_a_malformed_rule_of_a_tool_is_refused(
    deployment: Deployment, change: dict[str, object], field: str
) -> None:
    with deployment.admin as admin:
        refused = admin.post(SERVERS, json=server_body(**change))
    assert error_of(refused) == (400, "invalid_body")
    assert [each["field"] for each in refused.json()["validations"]] == [field]


def test_a_server_fits_into_one_item_whatever_its_lists_hold(deployment: Deployment) -> None:
    names = ["\u00fc" * 64 + str(number) for number in range(490)]
    headers = {f"X-{number}": "x" * 2000 for number in range(31)}
    body = {"tool_allow_list": names, "tool_deny_list": names[:]}
    with deployment.admin as admin:
        created = create_server(admin, auth_type="custom_headers", custom_headers=headers, **body)
        assert len(created["tool_deny_list"]) == 490
        for field, value in (
            ("tool_allow_list", ["\u00fc" * 100 + str(number) for number in range(500)]),
            ("custom_headers", {f"X-{number}": "x" * 8000 for number in range(30)}),
        ):
            refused = admin.patch(f"{SERVERS}/{created['id']}", json={field: value})
            assert [each["field"] for each in refused.json()["validations"]] == [field]

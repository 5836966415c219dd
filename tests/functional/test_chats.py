import pytest

from tests.support.chats import CHATS, offer_model, text
from tests.support.deployment import Deployment, error_of
from tests.support.servers import NOWHERE, SERVERS, create_server


@pytest.fixture(autouse=True)
def model_id(deployment: Deployment) -> str:
    """Every chat needs a model to choose."""
    return offer_model(deployment)


def default_organization(deployment: Deployment) -> str:
    organization_id: str = deployment.admin.get("/api/v2/organizations").json()[0]["id"]
    return organization_id


def test_a_chat_starts_in_an_organisation_with_its_servers_and_first_message(
    deployment: Deployment, model_id: str
) -> None:
    with deployment.admin as admin:
        organization_id = default_organization(deployment)
        server = create_server(admin, enabled=True)
        response = admin.post(
            CHATS,
            json={
                "organization_id": organization_id,
                "content": text("What is open?", "And who has it?"),
                "mcp_server_ids": [server["id"], server["id"].upper()],
            },
        )
        assert response.status_code == 201
        chat = response.json()
        assert chat == {
            "id": chat["id"],
            "owner_id": admin.get("/api/v2/users/me").json()["id"],
            "organization_id": organization_id,
            "last_model_config_id": model_id,
            "title": "What is open?",
            "status": "pending",
            "mcp_server_ids": [server["id"]],
            "labels": {},
            "archived": False,
            "pin_order": 0,
            "has_unread": False,
            "pending_tool_calls": [],
            "created_at": chat["created_at"],
            "updated_at": chat["updated_at"],
        }
        assert admin.get(f"{CHATS}/{chat['id']}").json() == chat
        assert admin.get(CHATS).json() == [chat]
        page = admin.get(f"{CHATS}/{chat['id']}/messages").json()
    assert page == {
        "messages": [
            {
                "id": 1,
                "chat_id": chat["id"],
                "created_by": chat["owner_id"],
                "model_config_id": model_id,
                "created_at": chat["created_at"],
                "role": "user",
                "content": text("What is open?", "And who has it?"),
            }
        ],
        "queued_messages": [],
        "has_more": False,
    }


def test_only_a_member_starts_a_chat_in_an_organisation(deployment: Deployment) -> None:
    organization_id = default_organization(deployment)
    with deployment.new_member() as mara:
        for wanted in (organization_id, NOWHERE, "garbage"):
            body = {"organization_id": wanted, "content": text("Hello")}
            assert error_of(mara.post(CHATS, json=body)) == (403, "not_a_member")


def test_unknown_and_disabled_servers_are_refused_by_their_ids(deployment: Deployment) -> None:
    with deployment.admin as admin:
        disabled = create_server(admin)["id"]
        enabled = create_server(admin, slug="on", enabled=True)["id"]
        body = {
            "organization_id": default_organization(deployment),
            "content": text("Hello"),
            "mcp_server_ids": [enabled, disabled, NOWHERE],
        }
        refused = admin.post(CHATS, json=body)
        assert error_of(refused) == (400, "invalid_mcp_server_ids")
        assert disabled in refused.text
        assert NOWHERE in refused.text
        assert enabled not in refused.text
        assert admin.get(CHATS).json() == []


@pytest.mark.parametrize(
    ("requested", "expected"),
    [(None, ["on", "forced"]), ([], ["forced"]), (["off"], ["off", "forced"])],
)
def test_forced_servers_are_always_added_and_defaults_when_nothing_is_asked(
    deployment: Deployment, requested: list[str] | None, expected: list[str]
) -> None:
    with deployment.admin as admin:
        ids = {
            slug: create_server(
                admin, slug=slug, display_name=slug, enabled=True, availability=availability
            )["id"]
            for slug, availability in (
                ("on", "default_on"),
                ("off", "default_off"),
                ("forced", "force_on"),
            )
        }
        create_server(admin, slug="asleep", availability="force_on")
        body: dict[str, object] = {
            "organization_id": default_organization(deployment),
            "content": text("Hello"),
        }
        if requested is not None:
            body["mcp_server_ids"] = [ids[slug] for slug in requested]
        chat = admin.post(CHATS, json=body).json()
    assert chat["mcp_server_ids"] == [ids[slug] for slug in expected]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"content": text("Hello")}, "organization_id"),
        ({"organization_id": "", "content": text("Hello")}, "organization_id"),
        ({"organization_id": NOWHERE}, "content"),
        ({"organization_id": NOWHERE, "content": []}, "content"),
        ({"organization_id": NOWHERE, "content": "Hello"}, "content"),
        ({"organization_id": NOWHERE, "content": text(" ")}, "content.0.text"),
        ({"organization_id": NOWHERE, "content": [{"type": "dance"}]}, "content.0.type"),
        (
            {"organization_id": NOWHERE, "content": text("Hello"), "mcp_server_ids": "all"},
            "mcp_server_ids",
        ),
    ],
)
def test_a_bad_field_is_400_and_named(
    deployment: Deployment, body: dict[str, object], field: str
) -> None:
    refused = deployment.admin.post(CHATS, json=body)
    assert error_of(refused) == (400, "invalid_body")
    assert field in [each["field"] for each in refused.json()["validations"]]


def test_a_body_over_256_kib_is_413(deployment: Deployment) -> None:
    body = {"organization_id": NOWHERE, "content": text("x" * 256 * 1024)}
    assert error_of(deployment.admin.post(CHATS, json=body)) == (413, "body_too_large")


def test_nobody_sees_anothers_chat_not_even_an_admin(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        organization_id = default_organization(deployment)
        mara_id = mara.get("/api/v2/users/me").json()["id"]
        admin.post(f"/api/v2/organizations/{organization_id}/members/{mara_id}", json={})
        body = {"organization_id": organization_id, "content": text("Mine")}
        chat_id = mara.post(CHATS, json=body).json()["id"]
        for path in (chat_id, f"{chat_id}/messages", NOWHERE, "garbage"):
            assert error_of(admin.get(f"{CHATS}/{path}")) == (404, "chat_not_found")
        assert admin.get(CHATS).json() == []
        assert error_of(admin.get(CHATS, params={"after_id": chat_id})) == (400, "invalid_page")


def test_a_chat_forgets_a_deleted_server(deployment: Deployment) -> None:
    with deployment.admin as admin:
        server_id = create_server(admin, enabled=True)["id"]
        body = {
            "organization_id": default_organization(deployment),
            "content": text("Hello"),
            "mcp_server_ids": [server_id],
        }
        chat_id = admin.post(CHATS, json=body).json()["id"]
        admin.delete(f"{SERVERS}/{server_id}")
        assert admin.get(f"{CHATS}/{chat_id}").json()["mcp_server_ids"] == []
        assert admin.get(CHATS).json()[0]["mcp_server_ids"] == []


def test_chats_are_listed_newest_first_page_by_page(deployment: Deployment) -> None:
    with deployment.admin as admin:
        body = {"organization_id": default_organization(deployment)}
        ids = []
        for number in range(5):
            deployment.clock.advance(seconds=1)
            content = text(f"Chat {number}")
            ids.append(admin.post(CHATS, json={**body, "content": content}).json()["id"])
        newest_first = ids[::-1]
        first = [chat["id"] for chat in admin.get(CHATS, params={"limit": 3}).json()]
        rest = admin.get(CHATS, params={"limit": 3, "after_id": first[-1]}).json()
        assert first + [chat["id"] for chat in rest] == newest_first


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "201"}, {"limit": "many"}, {"limit": "-1"}]
)
def test_a_page_of_an_impossible_size_is_400(deployment: Deployment, query: dict[str, str]) -> None:
    response = deployment.admin.get(CHATS, params=query)
    assert response.status_code == 400
    assert [each["field"] for each in response.json()["validations"]] == ["limit"]


def test_messages_can_be_asked_for_between_ids(deployment: Deployment) -> None:
    with deployment.admin as admin:
        body = {"organization_id": default_organization(deployment), "content": text("Hello")}
        path = f"{CHATS}/{admin.post(CHATS, json=body).json()['id']}/messages"

        def ids(**query: int) -> list[int]:
            return [each["id"] for each in admin.get(path, params=query).json()["messages"]]

        assert (ids(after_id=0), ids(after_id=1), ids(before_id=1)) == ([1], [], [])
        assert ids(after_id=0, before_id=2) == [1]
        refused = admin.get(path, params={"after_id": 2, "before_id": 2})
        assert error_of(refused) == (400, "invalid_page")

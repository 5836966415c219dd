"""Model providers: where they are, what becomes of their keys, and who may say so."""

import json
from typing import Any

import httpx
import pytest

from chalicelib.encryption.errors import SealedValueError
from tests.support import aws
from tests.support.audit import event_of
from tests.support.chat_models import (
    CONFIGS,
    KEY,
    MODELS,
    PROVIDERS,
    config_body,
    create_config,
    create_provider,
    provider_body,
)
from tests.support.deployment import Deployment, error_of
from tests.support.servers import NOWHERE
from tests.support.tables import table_items


def invalid_field(response: httpx.Response) -> str:
    assert response.status_code == 400, response.text
    (validation,) = response.json()["validations"]
    return str(validation["field"])


def test_a_provider_is_created_listed_changed_and_deleted(deployment: Deployment) -> None:
    with deployment.admin as admin:
        created = create_provider(admin)
        times = {name: created.pop(name) for name in ("created_at", "updated_at")}
        assert times["created_at"] == times["updated_at"]
        assert created == {
            "id": created["id"],
            "provider": "openai",
            "display_name": "OpenAI",
            "base_url": "https://api.openai.com/v1",
            "region": "",
            "has_api_key": True,
            "enabled": True,
        }
        path = f"{PROVIDERS}/{created['id']}"
        changed = admin.patch(path, json={"display_name": "Ours", "enabled": False}).json()
        assert (changed["display_name"], changed["enabled"]) == ("Ours", False)
        assert changed["has_api_key"]
        assert "api_key_cleared" not in changed
        assert admin.get(path).json() == changed
        create_provider(admin, display_name="another")
        names = [each["display_name"] for each in admin.get(PROVIDERS).json()]
        assert names == ["another", "Ours"]
        assert admin.delete(path).status_code == 204
        assert error_of(admin.get(path)) == (404, "chat_provider_not_found")
        assert len(admin.get(PROVIDERS).json()) == 1


@pytest.mark.parametrize(
    ("body", "base_url"),
    [
        ({"provider": "openai"}, "https://api.openai.com/v1"),
        ({"provider": "openai", "base_url": "https://llm.example/v1/"}, "https://llm.example/v1"),
        ({"provider": "anthropic", "region": "eu-central-1"}, "https://api.anthropic.com"),
        (
            {"provider": "bedrock", "region": "eu-central-1"},
            "https://bedrock-runtime.eu-central-1.amazonaws.com",
        ),
    ],
)
def test_a_provider_is_where_its_kind_is_unless_an_admin_says_otherwise(
    deployment: Deployment, body: dict[str, Any], base_url: str
) -> None:
    with deployment.admin as admin:
        created = create_provider(admin, **body)
        assert created["base_url"] == base_url
        assert created["region"] == ("eu-central-1" if body["provider"] == "bedrock" else "")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"provider": "pigeon"}, "provider"),
        ({"provider": None}, "provider"),
        ({"display_name": ""}, "display_name"),
        ({"display_name": "x" * 129}, "display_name"),
        ({"base_url": "llm.example"}, "base_url"),
        ({"base_url": "https://user:pass@llm.example"}, "base_url"),
        ({"base_url": "https://llm.example/v1?key=x"}, "base_url"),
        ({"base_url": "http://llm.example/v1"}, "base_url"),
        ({"base_url": "http://127.0.0.1:11434/v1"}, "base_url"),
        ({"base_url": "https://169.254.169.254/latest"}, "base_url"),
        ({"base_url": "https://[::1]/v1"}, "base_url"),
        ({"base_url": "https://0x7f000001/v1"}, "base_url"),
        ({"api_key": "with a blank"}, "api_key"),
        ({"api_key": "with\nbreak"}, "api_key"),
        ({"api_key": "x" * 4097}, "api_key"),
        ({"api_key": "schl\u00fcssel"}, "api_key"),
        ({"api_key": 7}, "api_key"),
        ({"provider": "bedrock"}, "region"),
        ({"provider": "bedrock", "region": "evil.example/"}, "region"),
        ({"enabled": "yes"}, "enabled"),
    ],
)
def test_what_is_wrong_with_a_provider_is_named(
    deployment: Deployment, change: dict[str, Any], field: str
) -> None:
    with deployment.admin as admin:
        refused = admin.post(PROVIDERS, json=provider_body(**change))
        assert invalid_field(refused) == field
        path = f"{PROVIDERS}/{create_provider(admin)['id']}"
        if change not in ({"provider": None}, {"provider": "bedrock"}):
            assert invalid_field(admin.patch(path, json=change)) == field
        assert admin.get(path).headers["etag"] == '"1"'
        assert len(admin.get(PROVIDERS).json()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "https://llm.example/v1"},
        {"base_url": "https://api.openai.com/v2"},
        {"provider": "anthropic"},
        {"provider": "anthropic", "base_url": "https://api.openai.com/v1"},
        {"provider": "bedrock", "region": "us-east-1"},
    ],
)
def test_a_key_is_never_sent_where_it_was_not_meant_for(
    deployment: Deployment, change: dict[str, Any]
) -> None:
    with deployment.admin as admin:
        provider_id = create_provider(admin)["id"]
        path = f"{PROVIDERS}/{provider_id}"
        moved = admin.patch(path, json=change).json()
        assert (moved["has_api_key"], moved["api_key_cleared"]) == (False, True)
        (item,) = table_items("models")
        assert item["api_key"]["B"] == b""
        assert event_of(admin, provider_id, "update")["diff"]["api_key"] == {"secret": True}
        assert not admin.get(path).json()["has_api_key"]
        assert "api_key_cleared" not in admin.get(path).json()


def test_a_key_that_comes_along_is_for_the_new_place(deployment: Deployment) -> None:
    with deployment.admin as admin:
        provider = create_provider(admin)
        config = create_config(admin, provider["id"])
        path = f"{PROVIDERS}/{provider['id']}"
        change = {"base_url": "https://llm.example/v1", "api_key": "another-key"}
        moved = admin.patch(path, json=change).json()
        assert moved["has_api_key"]
        assert "api_key_cleared" not in moved
        usable = deployment.services.models.find_usable(config["id"])
        assert usable
        assert (usable.api_key, usable.provider.base_url) == ("another-key", change["base_url"])
        back = admin.patch(path, json={"base_url": ""}).json()
        assert back["base_url"] == "https://api.openai.com/v1"
        assert back["api_key_cleared"]


def test_the_same_place_said_again_ends_no_key(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{PROVIDERS}/{create_provider(admin)['id']}"
        same = {"provider": "openai", "base_url": "https://api.openai.com/v1/", "region": "x"}
        assert invalid_field(admin.patch(path, json=same)) == "region"
        same["region"] = "us-east-1"
        answer = admin.patch(path, json=same)
        assert answer.json()["has_api_key"]
        assert answer.headers["etag"] == '"1"'  # Nothing has changed, so nothing was written.
        cleared = admin.patch(path, json={"api_key": ""}).json()
        assert not cleared["has_api_key"]
        assert "api_key_cleared" not in cleared


def test_bedrock_follows_its_region_unless_it_has_a_url_of_its_own(deployment: Deployment) -> None:
    with deployment.admin as admin:
        bedrock = create_provider(admin, provider="bedrock", region="us-east-1", api_key="")
        path = f"{PROVIDERS}/{bedrock['id']}"
        moved = admin.patch(path, json={"region": "eu-west-3"}).json()
        assert moved["base_url"] == "https://bedrock-runtime.eu-west-3.amazonaws.com"
        assert "api_key_cleared" not in moved  # There was none.
        admin.patch(path, json={"base_url": "https://vpce.example"})
        stays = admin.patch(path, json={"region": "eu-central-1", "api_key": "k"}).json()
        assert stays["base_url"] == "https://vpce.example"
        assert admin.patch(path, json={"region": "eu-west-1"}).json()["api_key_cleared"]


def test_a_provider_with_models_is_not_deleted(deployment: Deployment) -> None:
    with deployment.admin as admin:
        provider, other = create_provider(admin), create_provider(admin, display_name="Other")
        config = create_config(admin, provider["id"], display_name="Small")
        path = f"{PROVIDERS}/{provider['id']}"
        refused = admin.delete(path)
        assert error_of(refused) == (409, "chat_provider_in_use")
        assert refused.json()["detail"] == "Models: Small"
        moved = admin.patch(f"{CONFIGS}/{config['id']}", json={"provider_id": other["id"]})
        assert moved.status_code == 200
        assert admin.delete(path).status_code == 204
        assert error_of(admin.delete(f"{PROVIDERS}/{other['id']}"))[0] == 409
        admin.delete(f"{CONFIGS}/{config['id']}").raise_for_status()
        assert admin.delete(f"{PROVIDERS}/{other['id']}").status_code == 204
        assert table_items("models") == []


def test_a_model_that_comes_while_its_provider_is_deleted_stops_that(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin, deployment.admin as other:
        provider = create_provider(admin)
        deployment.aws_calls.meanwhile = lambda: create_config(other, provider["id"])
        refused = admin.delete(f"{PROVIDERS}/{provider['id']}")
        assert error_of(refused) == (409, "chat_provider_changed")
        assert [each["is_default"] for each in admin.get(CONFIGS).json()] == [True]


def test_a_provider_that_goes_while_it_gets_a_model_is_missed(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.admin as other:
        path = f"{PROVIDERS}/{(provider := create_provider(admin))['id']}"
        deployment.aws_calls.meanwhile = lambda: other.delete(path).raise_for_status()
        refused = admin.post(CONFIGS, json=config_body(provider["id"]))
        assert invalid_field(refused) == "provider_id"
        assert table_items("models") == []


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("if_match", "status"), [('"2"', 200), ("*", 200), ('"1"', 409), ('W/"2"', 409), ("2", 400)]
)
def test_a_change_happens_only_to_the_version_that_it_names(
    deployment: Deployment, method: str, if_match: str, status: int
) -> None:
    with deployment.admin as admin:
        path = f"{PROVIDERS}/{create_provider(admin)['id']}"
        assert admin.patch(path, json={"display_name": "Second"}).headers["etag"] == '"2"'
        change = {"display_name": "Third"}
        answer = admin.request(method, path, json=change, headers={"If-Match": if_match})
        assert answer.status_code == (204 if (method, status) == ("DELETE", 200) else status)
        if status >= 400:
            code = "chat_provider_changed" if status == 409 else "invalid_if_match"
            assert error_of(answer) == (status, code)
            assert admin.get(path).headers["etag"] == '"2"'


def test_of_two_changes_at_once_the_second_is_refused(deployment: Deployment) -> None:
    with deployment.admin as one, deployment.admin as other:
        path = f"{PROVIDERS}/{create_provider(one)['id']}"
        deployment.aws_calls.meanwhile = lambda: other.patch(path, json={"enabled": False})
        refused = one.patch(path, json={"base_url": "https://llm.example"})
        assert error_of(refused) == (409, "chat_provider_changed")
        found = one.get(path).json()
        assert (found["enabled"], found["has_api_key"]) == (False, True)


@pytest.mark.parametrize(
    ("provider_id", "expected"),
    [(NOWHERE, (404, "chat_provider_not_found")), ("x", (400, "invalid_chat_provider_id"))],
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_provider_is_not_found(
    deployment: Deployment, method: str, provider_id: str, expected: tuple[int, str]
) -> None:
    with deployment.admin as admin:
        answer = admin.request(method, f"{PROVIDERS}/{provider_id}", json={})
        assert error_of(answer) == expected


def test_there_can_be_twenty_providers(deployment: Deployment) -> None:
    with deployment.admin as admin:
        for number in range(20):
            create_provider(admin, display_name=f"P{number}", api_key="")
        refused = admin.post(PROVIDERS, json=provider_body())
        assert error_of(refused) == (409, "too_many_chat_providers")


def test_only_owners_see_or_change_providers_and_models(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        provider_id = create_provider(admin)["id"]
        config_id = create_config(admin, provider_id)["id"]
        for method, path, body in (
            ("GET", PROVIDERS, None),
            ("POST", PROVIDERS, provider_body()),
            ("GET", f"{PROVIDERS}/{provider_id}", None),
            ("PATCH", f"{PROVIDERS}/{provider_id}", {"enabled": False}),
            ("DELETE", f"{PROVIDERS}/{provider_id}", None),
            ("DELETE", f"{PROVIDERS}/{NOWHERE}", None),
            ("GET", CONFIGS, None),
            ("POST", CONFIGS, config_body(provider_id)),
            ("GET", f"{CONFIGS}/{config_id}", None),
            ("PATCH", f"{CONFIGS}/{config_id}", {"enabled": False}),
            ("DELETE", f"{CONFIGS}/{config_id}", None),
            ("DELETE", f"{CONFIGS}/{NOWHERE}", None),
        ):
            answer = mara.request(method, path, json=body)
            assert error_of(answer) == (403, "not_allowed"), (method, path)
        assert [each["id"] for each in mara.get(MODELS).json()] == [config_id]
        assert error_of(deployment.client().get(MODELS))[0] == 401


@pytest.mark.parametrize(
    ("scope", "reads", "lists_models"),
    [("chats", 403, 200), ("read", 200, 200), ("mcp", 403, 403)],
)
def test_a_narrow_token_does_not_decide_where_conversations_go(
    deployment: Deployment, scope: str, reads: int, lists_models: int
) -> None:
    with deployment.admin as admin:
        body = {"scopes": [scope]}
        key = admin.post("/api/v2/users/me/keys/tokens", json=body).json()["key"]
        path = f"{PROVIDERS}/{create_provider(admin)['id']}"
    with deployment.client(key) as narrow:
        assert narrow.get(PROVIDERS).status_code == reads
        assert narrow.get(MODELS).status_code == lists_models
        refused = narrow.patch(path, json={"base_url": "https://evil.example"})
        assert error_of(refused) == (403, "token_scope")


def test_no_answer_no_log_line_no_event_and_no_row_shows_a_key(deployment: Deployment) -> None:
    with deployment.admin as admin:
        answers: list[httpx.Response] = []
        admin.event_hooks["response"].append(answers.append)
        created = create_provider(admin)
        path = f"{PROVIDERS}/{created['id']}"
        admin.post(PROVIDERS, json=provider_body(), headers={"Idempotency-Key": "once"})
        admin.post(PROVIDERS, json=provider_body(), headers={"Idempotency-Key": "once"})
        admin.post(PROVIDERS, json=provider_body(provider="pigeon"))
        admin.post(PROVIDERS, json=provider_body(api_key=f"{KEY} {KEY}"))
        admin.patch(path, json={"api_key": KEY, "base_url": "https://llm.example/v1"})
        admin.patch(path, json={"base_url": "https://10.0.0.1/", "api_key": KEY})
        config = create_config(admin, created["id"])
        for each in (PROVIDERS, path, CONFIGS, MODELS, "/api/v2/audit?limit=200"):
            admin.get(each).raise_for_status()
        usable = deployment.services.models.find_usable(config["id"])
        assert usable
        assert usable.api_key == KEY
        assert KEY not in repr(usable) + str(usable)
    assert len(answers) > 10
    for answer in answers:
        assert KEY not in answer.text + str(answer.headers)
    rows = [*table_items("models"), *table_items("audit"), *table_items("idempotency")]
    assert KEY not in json.dumps(rows, default=repr)
    assert not any(KEY in line for line in deployment.log_lines)


def test_a_key_that_was_moved_to_another_provider_does_not_open(deployment: Deployment) -> None:
    with deployment.admin as admin:
        ids = [create_provider(admin, base_url=f"https://{n}.example")["id"] for n in "ab"]
        config_id = create_config(admin, ids[1])["id"]
    items = {item["SK"]["S"]: item for item in table_items("models")}
    aws.client("dynamodb").put_item(
        TableName=f"ciborium-{aws.STAGE}-models",
        Item={
            **items[f"PROVIDER#{ids[1]}"],
            "api_key": items[f"PROVIDER#{ids[0]}"]["api_key"],
        },
    )
    with pytest.raises(SealedValueError):
        deployment.services.models.find_usable(config_id)


def test_the_audit_log_says_what_a_provider_was_and_is(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{PROVIDERS}/{(provider := create_provider(admin))['id']}"
        made = event_of(admin, provider["id"], "create")
        assert (made["action"], made["object_type"]) == ("create", "chat_provider")
        assert made["object_id"] == provider["id"]
        assert made["diff"]["base_url"] == {"new": "https://api.openai.com/v1"}
        assert made["diff"]["api_key"] == {"secret": True}
        admin.patch(path, json={"enabled": False})
        assert event_of(admin, provider["id"], "update")["diff"] == {
            "enabled": {"old": True, "new": False}
        }
        admin.delete(path)
        gone = event_of(admin, provider["id"], "delete")
        assert (gone["action"], gone["diff"]["display_name"]) == ("delete", {"old": "OpenAI"})

"""Models: which there are, which one is the default, and which one a chat gets."""

from typing import Any

import httpx
import pytest

from chalicelib.chat_models.errors import InvalidModelError, NoModelError
from tests.support import aws
from tests.support.audit import event_of, events
from tests.support.chat_models import (
    CONFIGS,
    MODELS,
    PROVIDERS,
    config_body,
    create_config,
    create_provider,
)
from tests.support.deployment import Deployment, error_of
from tests.support.servers import NOWHERE


def defaults(client: httpx.Client) -> list[str]:
    """The display names of the default models."""
    return [each["display_name"] for each in client.get(CONFIGS).json() if each["is_default"]]


def test_a_model_is_created_listed_changed_and_deleted(deployment: Deployment) -> None:
    with deployment.admin as admin:
        provider_id = create_provider(admin)["id"]
        created = create_config(admin, provider_id)
        times = {name: created.pop(name) for name in ("created_at", "updated_at")}
        assert times["created_at"] == times["updated_at"]
        assert created == {
            "id": created["id"],
            "provider_id": provider_id,
            "provider": "openai",
            "model": "gpt-4.1-mini",
            "display_name": "gpt-4.1-mini",
            "enabled": True,
            "is_default": True,
            "context_limit": 128_000,
            "compression_threshold": 70,
            "input_price": 0,
            "output_price": 0,
        }
        path = f"{CONFIGS}/{created['id']}"
        changes = {
            "display_name": "Small",
            "model": "gpt-4.1-nano",
            "context_limit": 1_000_000,
            "compression_threshold": 80,
            "max_output_tokens": 32_768,
            "input_price": 400_000,
            "output_price": 1_600_000,
            "cache_read_price": 100_000,
            "cache_creation_price": 0,
        }
        changed = admin.patch(path, json=changes).json()
        assert {name: changed[name] for name in changes} == changes
        assert admin.get(path).json() == changed
        assert "max_output_tokens" not in admin.patch(path, json={"max_output_tokens": 0}).json()
        assert admin.delete(path).status_code == 204
        assert error_of(admin.get(path)) == (404, "chat_model_config_not_found")
        assert admin.get(CONFIGS).json() == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"provider_id": NOWHERE}, "provider_id"),
        ({"provider_id": "x"}, "provider_id"),
        ({"model": ""}, "model"),
        ({"model": "x" * 257}, "model"),
        ({"display_name": "x" * 129}, "display_name"),
        ({"context_limit": 0}, "context_limit"),
        ({"context_limit": -1}, "context_limit"),
        ({"context_limit": 1.5}, "context_limit"),
        ({"context_limit": "128000"}, "context_limit"),
        ({"context_limit": 2**70}, "context_limit"),
        ({"compression_threshold": 0}, "compression_threshold"),
        ({"compression_threshold": 101}, "compression_threshold"),
        ({"max_output_tokens": -1}, "max_output_tokens"),
        ({"input_price": -1}, "input_price"),
        ({"output_price": 0.5}, "output_price"),
        ({"cache_read_price": 10**13}, "cache_read_price"),
        ({"cache_creation_price": "free"}, "cache_creation_price"),
        ({"is_default": "yes"}, "is_default"),
    ],
)
def test_what_is_wrong_with_a_model_is_named(
    deployment: Deployment, change: dict[str, Any], field: str
) -> None:
    with deployment.admin as admin:
        provider_id = create_provider(admin)["id"]
        path = f"{CONFIGS}/{create_config(admin, provider_id)['id']}"
        answers = [admin.post(CONFIGS, json=config_body(provider_id, **change))]
        answers.append(admin.patch(path, json=change))
        for refused in answers:
            assert refused.status_code == 400
            assert [each["field"] for each in refused.json()["validations"]] == [field]
        assert admin.get(path).headers["etag"] == '"1"'
        assert len(admin.get(CONFIGS).json()) == 1


def test_a_model_needs_a_provider_and_a_context_limit(deployment: Deployment) -> None:
    with deployment.admin as admin:
        refused = admin.post(CONFIGS, json={})
        named = {each["field"] for each in refused.json()["validations"]}
        assert named == {"provider_id", "model", "context_limit"}


def test_there_is_one_default_at_most(deployment: Deployment) -> None:
    with deployment.admin as admin:
        provider_id = create_provider(admin)["id"]
        first = create_config(admin, provider_id, display_name="A")
        second = create_config(admin, provider_id, display_name="B")
        assert (first["is_default"], second["is_default"]) == (True, False)
        third = create_config(admin, provider_id, display_name="C", is_default=True)
        assert defaults(admin) == ["C"]
        answer = admin.patch(f"{CONFIGS}/{second['id']}", json={"is_default": True})
        assert answer.json()["is_default"]
        assert defaults(admin) == ["B"]
        refused = admin.patch(f"{CONFIGS}/{second['id']}", json={"is_default": False})
        assert error_of(refused) == (400, "invalid_chat_model_config")
        assert refused.json()["validations"][0]["field"] == "is_default"
        # Whoever read that another one is the default has read what is no longer so.
        versions = [
            admin.get(f"{CONFIGS}/{each['id']}").headers["etag"] for each in (first, second, third)
        ]
        assert versions == ['"2"', '"2"', '"2"']
        admin.patch(f"{CONFIGS}/{second['id']}", json={"input_price": 5}).raise_for_status()
        assert defaults(admin) == ["B"]


def test_a_model_that_shall_not_be_the_default_leaves_there_none(deployment: Deployment) -> None:
    with deployment.admin as admin:
        provider_id = create_provider(admin)["id"]
        create_config(admin, provider_id, display_name="A", is_default=False)
        assert defaults(admin) == []
        create_config(admin, provider_id, display_name="B")
        assert defaults(admin) == ["B"]


def test_after_the_default_is_deleted_no_other_becomes_it_by_itself(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin:
        provider_id = create_provider(admin)["id"]
        first = create_config(admin, provider_id)
        other = create_config(admin, provider_id, display_name="Other")
        admin.delete(f"{CONFIGS}/{first['id']}").raise_for_status()
        assert defaults(admin) == []
        with pytest.raises(NoModelError):
            deployment.services.models.choose(None)
        assert deployment.services.models.choose(other["id"]).id == other["id"]
        create_config(admin, provider_id, display_name="Next")
        assert defaults(admin) == ["Next"]


@pytest.mark.parametrize("becomes", ["created", "changed"])
def test_of_two_that_become_the_default_at_once_one_does(
    deployment: Deployment, becomes: str
) -> None:
    with deployment.admin as admin, deployment.admin as other:
        provider_id = create_provider(admin)["id"]
        ids = [
            create_config(admin, provider_id, display_name=name, is_default=False)["id"]
            for name in ("A", "B")
        ]
        deployment.aws_calls.meanwhile = lambda: other.patch(
            f"{CONFIGS}/{ids[0]}", json={"is_default": True}
        ).raise_for_status()
        if becomes == "created":
            refused = admin.post(CONFIGS, json=config_body(provider_id))
        else:
            refused = admin.patch(f"{CONFIGS}/{ids[1]}", json={"is_default": True})
        assert error_of(refused) == (409, "chat_model_config_changed")
        assert defaults(admin) == ["A"]
        assert len(admin.get(CONFIGS).json()) == 2


def test_a_default_that_is_deleted_while_another_takes_its_place_is_gone(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin, deployment.admin as other:
        provider_id = create_provider(admin)["id"]
        first, second = (create_config(admin, provider_id)["id"] for _ in range(2))
        deployment.aws_calls.meanwhile = lambda: other.patch(
            f"{CONFIGS}/{second}", json={"is_default": True}
        ).raise_for_status()
        refused = admin.delete(f"{CONFIGS}/{first}")
        assert error_of(refused) == (409, "chat_model_config_changed")
        assert admin.delete(f"{CONFIGS}/{first}").status_code == 204
        assert deployment.services.models.choose(None).id == second


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("if_match", "status"), [('"2"', 200), ("*", 200), ('"1"', 409), ('W/"2"', 409), ("2", 400)]
)
def test_a_change_happens_only_to_the_version_that_it_names(
    deployment: Deployment, method: str, if_match: str, status: int
) -> None:
    with deployment.admin as admin:
        path = f"{CONFIGS}/{create_config(admin, create_provider(admin)['id'])['id']}"
        assert admin.patch(path, json={"input_price": 2}).headers["etag"] == '"2"'
        headers = {"If-Match": if_match}
        answer = admin.request(method, path, json={"input_price": 3}, headers=headers)
        assert answer.status_code == (204 if (method, status) == ("DELETE", 200) else status)
        if status >= 400:
            code = "chat_model_config_changed" if status == 409 else "invalid_if_match"
            assert error_of(answer) == (status, code)
            assert admin.get(path).headers["etag"] == '"2"'


def test_what_changes_nothing_makes_no_version(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{CONFIGS}/{create_config(admin, create_provider(admin)['id'])['id']}"
        before = len(events(admin))
        same = {"model": "gpt-4.1-mini", "is_default": True, "display_name": None}
        assert admin.patch(path, json=same).headers["etag"] == '"1"'
        assert len(events(admin)) == before


@pytest.mark.parametrize(
    ("config_id", "expected"),
    [
        (NOWHERE, (404, "chat_model_config_not_found")),
        ("x", (400, "invalid_chat_model_config_id")),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_model_is_not_found(
    deployment: Deployment, method: str, config_id: str, expected: tuple[int, str]
) -> None:
    with deployment.admin as admin:
        assert error_of(admin.request(method, f"{CONFIGS}/{config_id}", json={})) == expected


def test_there_can_be_a_hundred_models(deployment: Deployment) -> None:
    with deployment.admin as admin:
        provider_id = create_provider(admin)["id"]
        for _ in range(100):
            create_config(admin, provider_id)
        refused = admin.post(CONFIGS, json=config_body(provider_id))
        assert error_of(refused) == (409, "too_many_chat_model_configs")


def test_a_member_sees_what_they_may_choose_and_no_more(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        open_ai = create_provider(admin)["id"]
        off = create_provider(admin, display_name="Off", provider="anthropic", enabled=False)["id"]
        create_config(admin, open_ai, display_name="Zeta", is_default=False)
        create_config(admin, open_ai, display_name="alpha", is_default=False)
        usual = create_config(admin, open_ai, display_name="Usual", input_price=7)
        create_config(admin, open_ai, display_name="Disabled", enabled=False)
        create_config(admin, off, display_name="Its provider is disabled")
        found = mara.get(MODELS).json()
        assert [each["display_name"] for each in found] == ["Usual", "alpha", "Zeta"]
        assert found[0] == {
            "id": usual["id"],
            "display_name": "Usual",
            "provider": "openai",
            "context_limit": 128_000,
            "is_default": True,
        }


def test_a_chat_gets_the_model_that_it_asks_for_or_the_default(deployment: Deployment) -> None:
    models = deployment.services.models
    with pytest.raises(NoModelError) as none:
        models.choose(None)
    assert none.value.code == "no_model"
    with deployment.admin as admin:
        provider_id = create_provider(admin)["id"]
        default, other = (create_config(admin, provider_id)["id"] for _ in range(2))
        assert models.choose(None).id == default
        assert models.choose(other.upper()).id == other
        assert models.find_usable(NOWHERE) is None
        for unknown in (NOWHERE, "", "x"):
            with pytest.raises(InvalidModelError) as refused:
                models.choose(unknown)
            assert [each.field for each in refused.value.validations] == ["model_config_id"]
        for path in (f"{CONFIGS}/{default}", f"{PROVIDERS}/{provider_id}"):
            admin.patch(path, json={"enabled": False}).raise_for_status()
            with pytest.raises(NoModelError):
                models.choose(None)
            with pytest.raises(InvalidModelError):
                models.choose(default)
            assert models.find_usable(default) is None
            admin.patch(path, json={"enabled": True}).raise_for_status()
            usable = models.find_usable(default)
            assert usable
            assert usable.provider.id == provider_id


def test_a_model_whose_provider_is_just_going_is_not_there(deployment: Deployment) -> None:
    """A query reads one item after the other, and what it finds may not fit together."""
    with deployment.admin as admin:
        provider_id = create_provider(admin)["id"]
        config_id = create_config(admin, provider_id)["id"]
        aws.client("dynamodb").delete_item(
            TableName=f"ciborium-{aws.STAGE}-models",
            Key={"PK": {"S": "MODELS"}, "SK": {"S": f"PROVIDER#{provider_id}"}},
        )
        assert admin.get(CONFIGS).json() == admin.get(MODELS).json() == []
        assert deployment.services.models.find_usable(config_id) is None


def test_choosing_a_model_costs_one_query(deployment: Deployment) -> None:
    with deployment.admin as admin:
        provider_id = create_provider(admin)["id"]
        ids = [create_config(admin, provider_id)["id"] for _ in range(30)]
    for use in (
        lambda: deployment.services.models.choose(None),
        lambda: deployment.services.models.choose(ids[7]),
        lambda: deployment.services.models.find_usable(ids[29]),
    ):
        deployment.aws_calls.reset()
        use()
        assert deployment.aws_calls.calls == {"dynamodb.Query": 1}


def test_the_audit_log_says_which_default_gives_way(deployment: Deployment) -> None:
    with deployment.admin as admin:
        provider_id = create_provider(admin)["id"]
        first = create_config(admin, provider_id)
        made = event_of(admin, first["id"], "create")
        assert (made["action"], made["object_type"]) == ("create", "chat_model_config")
        assert made["diff"]["context_limit"] == {"new": 128_000}
        assert made["diff"]["is_default"] == {"new": True}
        second = create_config(admin, provider_id)
        path = f"{CONFIGS}/{second['id']}"
        admin.patch(path, json={"is_default": True, "input_price": 9}).raise_for_status()
        changed = event_of(admin, second["id"], "update")
        assert (changed["action"], changed["object_id"]) == ("update", second["id"])
        assert changed["diff"] == {
            "is_default": {"old": False, "new": True},
            "input_price": {"old": 0, "new": 9},
            "default_model_config_id": {"old": first["id"], "new": second["id"]},
        }
        admin.delete(path)
        gone = event_of(admin, second["id"], "delete")["diff"]
        assert gone["is_default"] == {"old": True}

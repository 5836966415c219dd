"""The model that the local run sets up for chats, against a deployment in this process."""

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from chalicelib.sdk import Client, InvalidRequestError
from infra.local.models import (
    disable_scripted_models,
    ensure_model,
    ensure_scripted_model,
    find_model,
)
from tests.support.chat_models import KEY
from tests.support.deployment import Deployment, start_deployment
from tests.support.sdk import sdk_client

LOCAL = "http://127.0.0.1:11434/v1"
OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def deployment(local_aws: None) -> Deployment:
    return start_deployment(CIBORIUM_ALLOWED_PRIVATE_CIDRS="127.0.0.0/8")


@pytest.fixture
def admin(deployment: Deployment) -> Iterator[Client]:
    with sdk_client(deployment) as client:
        yield client


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"OPENAI_API_KEY": KEY}, (OPENAI, KEY, "gpt-4.1-mini")),
        ({"OPENAI_BASE_URL": LOCAL}, (LOCAL, "", "gpt-4.1-mini")),
        (
            {"OPENAI_BASE_URL": LOCAL, "OPENAI_API_KEY": KEY, "OPENAI_MODEL": "llama"},
            (LOCAL, KEY, "llama"),
        ),
        ({"OPENAI_MODEL": "llama"}, None),
        ({"OPENAI_API_KEY": " ", "OPENAI_BASE_URL": ""}, None),
        ({}, None),
    ],
)
def test_the_environment_names_a_model(
    environment: dict[str, str], expected: tuple[str, str, str] | None
) -> None:
    found = find_model(environment)
    assert (found and (found.base_url, found.api_key, found.model)) == expected
    assert KEY not in repr(found)


def test_the_named_model_becomes_the_default_and_can_be_used(
    deployment: Deployment, admin: Client
) -> None:
    made = ensure_model(admin, LOCAL, KEY, "llama")
    assert made.is_default
    usable = deployment.services.models.find_usable(made.id)
    assert usable
    assert (usable.api_key, usable.provider.base_url) == (KEY, LOCAL)
    assert usable.config.model == "llama"


def test_a_second_start_adds_nothing_takes_a_new_key_and_keeps_what_was_changed(
    deployment: Deployment, admin: Client
) -> None:
    first = ensure_model(admin, OPENAI, KEY, "gpt-4.1-mini")
    other = ensure_model(admin, LOCAL + "/", "", "llama")
    assert other.is_default
    again = ensure_model(admin, OPENAI + "/", "another-key", "gpt-4.1-mini")
    assert (again.id, again.is_default) == (first.id, False)
    assert ensure_model(admin, LOCAL, "", "llama").id == other.id
    assert len(admin.experimental.list_chat_providers()) == 2
    assert len(admin.experimental.list_chat_model_configs()) == 2
    usable = deployment.services.models.find_usable(first.id)
    assert usable
    assert usable.api_key == "another-key"


def test_another_model_at_the_same_place_is_the_new_default(admin: Client) -> None:
    ensure_model(admin, OPENAI, KEY, "gpt-4.1-mini")
    assert ensure_model(admin, OPENAI, KEY, "gpt-4.1").is_default
    assert len(admin.experimental.list_chat_providers()) == 1


def test_a_scripted_model_is_the_default_while_it_runs_and_gives_way_when_it_does_not(
    admin: Client,
) -> None:
    def usable() -> list[tuple[str, bool]]:
        return [(each.display_name, each.is_default) for each in chats.list_chat_models()]

    chats = admin.experimental
    scripted = ensure_scripted_model(admin, LOCAL)
    assert usable() == [("Scripted demo model", True)]
    assert ensure_scripted_model(admin, LOCAL).id == scripted.id
    disable_scripted_models(admin)  # As a start without it does.
    assert usable() == []
    ensure_model(admin, OPENAI, KEY, "gpt-4.1-mini")
    assert usable() == [("gpt-4.1-mini", True)]
    moved = ensure_scripted_model(admin, "http://127.0.0.1:11435/v1")
    assert usable() == [("Scripted demo model", True), ("gpt-4.1-mini", False)]
    assert moved.id != scripted.id
    disable_scripted_models(admin)
    ensure_model(admin, OPENAI, KEY, "gpt-4.1-mini")
    assert usable() == [("gpt-4.1-mini", True)]


def test_what_cannot_be_right_is_refused_without_the_key(admin: Client) -> None:
    with pytest.raises(ValidationError):
        ensure_model(admin, "nowhere", KEY, "m")
    with pytest.raises(InvalidRequestError) as refused:
        ensure_model(admin, "http://10.0.0.1/v1", KEY, "m")
    assert KEY not in str(refused.value)

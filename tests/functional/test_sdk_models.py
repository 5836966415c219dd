"""The SDK's part of models and their providers."""

import pytest
from pydantic import SecretStr

from chalicelib.sdk import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from chalicelib.sdk.chat_models import ProviderKind
from chalicelib.sdk.requests.chat_models import (
    CreateChatModelConfigRequest,
    CreateChatProviderConfigRequest,
    UpdateChatModelConfigRequest,
    UpdateChatProviderConfigRequest,
)
from tests.support.chat_models import KEY
from tests.support.deployment import Deployment
from tests.support.sdk import sdk_client


def test_a_provider_and_its_model_from_beginning_to_end(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin:
        methods = admin.experimental
        request = CreateChatProviderConfigRequest(
            provider=ProviderKind.ANTHROPIC, display_name="Anthropic", api_key=SecretStr(KEY)
        )
        assert KEY not in repr(request)
        provider = methods.create_chat_provider(request)
        assert provider.has_api_key
        model = methods.create_chat_model_config(
            CreateChatModelConfigRequest(
                provider_id=provider.id, model="claude-sonnet", context_limit=200_000
            )
        )
        assert model.is_default
        (listed,) = methods.list_chat_model_configs()
        assert listed == model
        assert methods.list_chat_providers() == [provider]
        (choice,) = methods.list_chat_models()
        assert (choice.id, choice.provider) == (model.id, ProviderKind.ANTHROPIC)
        with pytest.raises(ConflictError):
            methods.delete_chat_provider(provider.id)
        methods.delete_chat_model_config(model.id)
        methods.delete_chat_provider(provider.id)
        assert methods.list_chat_models() == []


def test_a_change_of_a_version_that_is_gone_is_refused(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin:
        methods = admin.experimental
        provider = methods.create_chat_provider(
            CreateChatProviderConfigRequest(provider=ProviderKind.OPENAI, display_name="O")
        )
        assert methods.get_chat_provider(provider.id).etag == provider.etag
        change = UpdateChatProviderConfigRequest(base_url="https://llm.example/v1")
        changed = methods.update_chat_provider(provider.id, change, etag=provider.etag)
        assert changed.api_key_cleared is None  # There was none.
        with pytest.raises(ConflictError):
            methods.delete_chat_provider(provider.id, etag=provider.etag)
        model = methods.create_chat_model_config(
            CreateChatModelConfigRequest(provider_id=provider.id, model="m", context_limit=1000)
        )
        dearer = UpdateChatModelConfigRequest(input_price=5)
        methods.update_chat_model_config(model.id, dearer, etag=model.etag)
        assert methods.get_chat_model_config(model.id).input_price == 5
        with pytest.raises(ConflictError):
            methods.update_chat_model_config(model.id, dearer, etag=model.etag)
        with pytest.raises(ConflictError):
            methods.delete_chat_model_config(model.id, etag=model.etag)


def test_a_moved_provider_says_that_its_key_is_gone(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin:
        methods = admin.experimental
        provider = methods.create_chat_provider(
            CreateChatProviderConfigRequest(
                provider=ProviderKind.OPENAI, display_name="O", api_key=SecretStr(KEY)
            )
        )
        change = UpdateChatProviderConfigRequest(base_url="https://llm.example/v1")
        moved = methods.update_chat_provider(provider.id, change)
        assert (moved.api_key_cleared, moved.has_api_key) == (True, False)


def test_refusals_are_errors_with_names(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin:
        with pytest.raises(NotFoundError):
            admin.experimental.get_chat_provider("00000000-0000-4000-8000-000000000000")
        with pytest.raises(InvalidRequestError) as refused:
            admin.experimental.create_chat_provider(
                CreateChatProviderConfigRequest(provider=ProviderKind.BEDROCK, display_name="B")
            )
        assert [each.field for each in refused.value.validations] == ["region"]
    with sdk_client(deployment, deployment.new_token("mara")) as mara:
        assert mara.experimental.list_chat_models() == []
        with pytest.raises(ForbiddenError):
            mara.experimental.list_chat_providers()

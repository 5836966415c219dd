"""Bodies of requests for model providers and models."""

from typing import Any

import httpx

CHATS = "/api/experimental/chats"
PROVIDERS = f"{CHATS}/providers"
CONFIGS = f"{CHATS}/model-configs"
MODELS = f"{CHATS}/models"
KEY = "sentinel-model-key"


def provider_body(**changes: Any) -> dict[str, Any]:
    """A valid request to create a provider with a key."""
    return {"provider": "openai", "display_name": "OpenAI", "api_key": KEY, **changes}


def config_body(provider_id: str, /, **changes: Any) -> dict[str, Any]:
    """A valid request to create a model of a provider."""
    body = {"model": "gpt-4.1-mini", "context_limit": 128_000}
    return {"provider_id": provider_id, **body, **changes}


def create_provider(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    """Create a provider and return what the API says of it."""
    response = client.post(PROVIDERS, json=provider_body(**changes))
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


def create_config(client: httpx.Client, provider_id: str, **changes: Any) -> dict[str, Any]:
    """Create a model and return what the API says of it."""
    response = client.post(CONFIGS, json=config_body(provider_id, **changes))
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created

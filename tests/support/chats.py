"""What tests of chats need: a model to choose, and words."""

from typing import Any

from tests.support.deployment import Deployment

CHATS = "/api/experimental/chats"
PROVIDERS = f"{CHATS}/providers"
MODELS = f"{CHATS}/model-configs"


def text(*texts: str) -> list[dict[str, str]]:
    """A message's content."""
    return [{"type": "text", "text": each} for each in texts]


def offer_model(
    deployment: Deployment, base_url: str = "https://models.example/v1", **changes: Any
) -> str:
    """Set up a provider and a default model; returns the model's id."""
    provider = {
        "provider": "openai",
        "display_name": "Models",
        "base_url": base_url,
        "api_key": "k",
    }
    with deployment.admin as admin:
        made = admin.post(PROVIDERS, json=provider).raise_for_status().json()
        model = {
            "provider_id": made["id"],
            "model": "scripted",
            "display_name": "Scripted",
            "is_default": True,
            "context_limit": 100_000,
            **changes,
        }
        created = admin.post(MODELS, json=model)
        assert created.status_code == 201, created.text
    return str(created.json()["id"])

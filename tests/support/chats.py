"""What tests of chats need: a model to choose, and words."""

from typing import Any

from tests.support.chat_models import create_config, create_provider
from tests.support.deployment import Deployment

CHATS = "/api/experimental/chats"


def text(*texts: str) -> list[dict[str, str]]:
    """A message's content."""
    return [{"type": "text", "text": each} for each in texts]


def offer_model(
    deployment: Deployment, base_url: str = "https://models.example/v1", **changes: Any
) -> str:
    """Set up a provider and a default model; returns the model's id."""
    with deployment.admin as admin:
        provider = create_provider(admin, base_url=base_url)
        return str(create_config(admin, provider["id"], is_default=True, **changes)["id"])

"""What a model call costs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.chat_models.models import ModelConfig


@dataclass(frozen=True)
class Usage:
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0


def config(**changes: Any) -> ModelConfig:
    fields: dict[str, Any] = {
        "id": "c",
        "provider_id": "p",
        "model": "m",
        "display_name": "M",
        "enabled": True,
        "is_default": True,
        "context_limit": 200_000,
        "compression_threshold": 70,
        "max_output_tokens": None,
        "input_price": 3_000_000,
        "output_price": 15_000_000,
        "cache_read_price": 300_000,
        "cache_creation_price": 3_750_000,
        "created_by": "u",
        "updated_by": "u",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return ModelConfig(**{**fields, **changes})


@pytest.mark.parametrize(
    ("usage", "micros"),
    [
        (Usage(), 0),
        (Usage(input_tokens=1_000_000), 3_000_000),
        (Usage(output_tokens=1_000_000), 15_000_000),
        (Usage(cache_read_tokens=1_000_000), 300_000),
        (Usage(cache_creation_tokens=1_000_000), 3_750_000),
        (Usage(1000, 100, 10_000, 2000), 3000 + 1500 + 3000 + 7500),
        (Usage(cache_read_tokens=1), 1),  # 0.3
        (Usage(cache_read_tokens=10), 3),
        (Usage(cache_read_tokens=11), 4),  # 3.3
    ],
)
def test_a_call_costs_its_tokens_rounded_up_once(usage: Usage, micros: int) -> None:
    assert config().cost(usage) == micros


def test_what_has_no_price_of_its_own_costs_what_input_costs() -> None:
    use = Usage(cache_read_tokens=100, cache_creation_tokens=10)
    assert config(cache_read_price=None, cache_creation_price=None).cost(use) == 330
    assert config(cache_read_price=0, cache_creation_price=0).cost(use) == 0


def test_a_model_without_prices_costs_nothing() -> None:
    free = {"input_price": 0, "output_price": 0}
    none = {"cache_read_price": None, "cache_creation_price": None}
    assert config(**free, **none).cost(Usage(10**9, 10**9, 10**9, 10**9)) == 0


def test_large_use_is_counted_exactly() -> None:
    """No float rounds it."""
    assert config(input_price=1).cost(Usage(input_tokens=10**21 + 1)) == 10**15 + 1


def test_a_conversation_is_condensed_at_a_part_of_the_limit() -> None:
    assert config().compression_tokens == 140_000

from decimal import Decimal

import pytest

from agents.ports import Usage
from agents.prices import cost

PRICES = {
    "chat": {"input": 2.0, "cached_input": 0.5, "output": 8.0},
    "plain": {"input": 2.0},
    "ears": {"audio_minute": 0.006},
    "voice": {"characters": 15.0},
}


@pytest.mark.parametrize(
    ("usage", "price"),
    [
        (Usage("brain", "p", "chat", input_tokens=1000, cached_tokens=400, output_tokens=100), "0.0022"),
        (Usage("brain", "p", "plain", input_tokens=1000, cached_tokens=400), "0.002"),
        (Usage("ears", "p", "ears", audio_ms=30_000), "0.003"),
        (Usage("voice", "p", "voice", characters=2000), "0.03"),
    ],
)
def test_a_request_costs_what_it_used(usage: Usage, price: str) -> None:
    assert cost(usage, PRICES) == Decimal(price)


def test_a_model_without_prices_is_unknown_and_not_free() -> None:
    assert cost(Usage("brain", "p", "new", input_tokens=1), PRICES) is None

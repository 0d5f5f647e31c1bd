"""What a request cost, from its usage and a table of prices. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from agents.ports import Usage

MILLION: Final = Decimal(1_000_000)
MINUTE_MS: Final = Decimal(60_000)

Prices = Mapping[str, Mapping[str, float]]


def cost(usage: Usage, prices: Prices) -> Decimal | None:
    """In the currency of the table; None where it has no prices for the model.

    Prices of a model: `input`, `cached_input` (default: as `input`), `output` and `characters` for a million,
    `audio_minute` for a minute.
    """
    table = prices.get(usage.model)
    if table is None:
        return None
    price = {name: Decimal(str(value)) for name, value in table.items()}
    each = price.get("input", Decimal(0))
    fresh = usage.input_tokens - usage.cached_tokens
    millions = (
        fresh * each
        + usage.cached_tokens * price.get("cached_input", each)
        + usage.output_tokens * price.get("output", Decimal(0))
        + usage.characters * price.get("characters", Decimal(0))
    )
    minutes = Decimal(str(usage.audio_ms)) / MINUTE_MS
    return millions / MILLION + minutes * price.get("audio_minute", Decimal(0))

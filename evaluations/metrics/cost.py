"""Cost: what the call's requests to providers cost."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Final

from agents.ports import Usage
from agents.prices import cost as price_of
from evaluations.metrics.registry import Reading, metric
from evaluations.record import CallRecord, EventRecord
from evaluations.wording import Amount, Count, Things

PROVIDER_USED: Final = "ProviderUsed"  # event whose data are the fields of `agents.ports.Usage`
TELEPHONE: Final = "telephone"  # the model name under which the settings price a minute of the call itself
COSTLY: Final = {
    "ears": "the ears",
    "voice": "the voice",
    "brain": "the brain",
    "translation": "translation",
    "realtime": "speech to speech",
    TELEPHONE: "the telephone",
}
CAPABILITIES: Final = tuple(name for name in COSTLY if name != TELEPHONE)
NUMBERS: Final = ("input_tokens", "cached_tokens", "output_tokens", "audio_ms", "characters")


@metric(
    "cost",
    label="Cost",
    unit="",
    version=1,
    definition="Tokens, characters and minutes of all requests of the call to providers, on both of its sides where "
    "Klix plays them, times the prices in KLIX_PRICES, in their currency; with the minutes of the call itself where "
    "“telephone” has a price. Judges are not part of it. A model without a price leaves the cost unknown.",
    parts={**dict.fromkeys((*CAPABILITIES, TELEPHONE), ""), "input_tokens": "", "output_tokens": "", "characters": "",
           "audio": "min"},
    reads={
        "value": Amount("The cost of the call"),
        **{name: Amount(f"The cost of {words}") for name, words in COSTLY.items()},
        "input_tokens": Count(Things("input token", "input tokens")),
        "output_tokens": Count(Things("output token", "output tokens")),
        "characters": Count(Things("character spoken", "characters spoken")),
        "audio": Amount("The audio handled"),
    },
)  # fmt: skip
def cost(record: CallRecord) -> Reading:
    usages = [_usage(event) for event in record.events if event.name == PROVIDER_USED]
    phone = Usage(TELEPHONE, TELEPHONE, TELEPHONE, audio_ms=record.duration_ms)
    priced = usages + ([phone] if TELEPHONE in record.prices else [])
    if not priced:
        return Reading(None, note="No provider reported a use that costs.")
    parts = _amounts(usages)
    prices = [(usage.capability, price_of(usage, record.prices)) for usage in priced]
    for capability, price in prices:
        if price is not None:
            parts[capability] = round(parts.get(capability, 0.0) + float(price), 6)
    if unknown := sorted({usage.model or usage.provider for usage in priced if usage.model not in record.prices}):
        return Reading(None, len(usages), f"No price is set for {', '.join(unknown)} (KLIX_PRICES)."[:200], parts)
    total = sum((price for _, price in prices if price is not None), Decimal(0))
    return Reading(round(float(total), 6), len(usages), "", parts)


def _amounts(usages: list[Usage]) -> dict[str, float]:
    totals = {name: float(sum(getattr(usage, name) for usage in usages)) for name in NUMBERS}
    amounts = {name: totals[name] for name in ("input_tokens", "output_tokens", "characters")}
    return amounts | {"audio": round(totals["audio_ms"] / 60_000, 3)}


def _usage(event: EventRecord) -> Usage:
    """Unknown or broken entries count as nothing: events outlive the version that wrote them."""
    data: Mapping[str, object] = event.data
    texts = {name: str(data.get(name, "")) for name in ("capability", "provider", "model")}
    known = {each.name for each in fields(Usage)}
    numbers = {
        name: value
        for name in NUMBERS
        if name in known and isinstance(value := data.get(name), int | float) and value >= 0
    }
    capability = texts["capability"] if texts["capability"] in CAPABILITIES else "brain"
    return Usage(capability, texts["provider"], texts["model"], **numbers)  # type: ignore[arg-type]  # audio_ms: float

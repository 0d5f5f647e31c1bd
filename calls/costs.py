"""What a call cost: the usage of its providers, by the prices in the settings."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings

from agents.ports import Usage
from agents.prices import cost
from calls.models import Call, CallEvent

PROVIDER_USED = "ProviderUsed"


def priced(usage: Usage) -> dict[str, Any]:
    """The usage as it is stored, with its cost by today's prices; cost None: the model has no price."""
    amount = cost(usage, settings.PRICES)
    return {**asdict(usage), "cost": None if amount is None else str(amount)}


@dataclass(frozen=True, slots=True)
class ProviderCost:
    """One provider's part in a call. `cost` None: unknown, for at least one of its models has no price."""

    capability: str
    provider: str
    model: str
    requests: int
    failed: int
    input_tokens: int
    output_tokens: int
    audio_ms: float
    characters: int
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class CallCost:
    parts: tuple[ProviderCost, ...]

    @property
    def total(self) -> Decimal | None:
        """None: some part of it is unknown."""
        known = [part.cost for part in self.parts if part.cost is not None]
        return sum(known, Decimal(0)) if len(known) == len(self.parts) else None


def call_cost(call: Call) -> CallCost:
    """Offline providers cost nothing and appear nowhere: a call played by them alone has no parts and costs 0."""
    return cost_of(CallEvent.objects.filter(call=call, name=PROVIDER_USED).values_list("data", flat=True))


def cost_of(used: Iterable[dict[str, Any]]) -> CallCost:
    """The same from the data of the call's usage events."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for data in used:
        groups.setdefault((data["capability"], data["provider"], data["model"]), []).append(data)
    return CallCost(tuple(_sum(key, group) for key, group in sorted(groups.items())))


def _sum(key: tuple[str, str, str], used: list[dict[str, Any]]) -> ProviderCost:
    return ProviderCost(
        *key,
        requests=len(used),
        failed=sum(bool(data["error"]) for data in used),
        input_tokens=sum(data["input_tokens"] for data in used),
        output_tokens=sum(data["output_tokens"] for data in used),
        audio_ms=sum(data["audio_ms"] for data in used),
        characters=sum(data["characters"] for data in used),
        cost=_known_sum(data["cost"] for data in used),
    )


def _known_sum(costs: Iterable[str | None]) -> Decimal | None:
    total = Decimal(0)
    for amount in costs:
        if amount is None:
            return None
        total += Decimal(amount)
    return total

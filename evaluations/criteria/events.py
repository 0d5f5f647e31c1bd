"""What criteria share that are about events of a call: tools called, digits pressed, values captured. Pure."""

import json
from collections.abc import Iterable
from typing import Final

from evaluations.criteria.registry import Evidence, turn_at
from evaluations.record import CallRecord, EventRecord

SHOWN: Final = 5


def cite_event(event: EventRecord, record: CallRecord, quote: str) -> Evidence:
    at_ms = min(event.at_ms or 0, record.duration_ms) if record.duration_ms else event.at_ms or 0
    turn = turn_at(record, at_ms, at_ms)
    return Evidence(turn.id if turn else None, quote, at_ms, at_ms)


def named(names: str) -> list[str]:
    """The entries of a text with commas or lines between them."""
    return [name.strip() for name in names.replace("\n", ",").split(",") if name.strip()]


def shortened(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:79]}…"


def quoted(values: Iterable[object]) -> str:
    return ", ".join(f"“{shortened(value)}”" for value in values)

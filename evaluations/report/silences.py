"""Evidence that lies on silence: a figure cites the turn beside it, but what it measured is the pause. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django.template.defaultfilters import floatformat

SPOKEN_SHARE = 0.5  # with more speech than this in it, a stretch is no silence


class Spoken(Protocol):
    start_ms: int
    end_ms: int


def on_silence(evidence: Sequence[Mapping[str, Any]], turns: Sequence[Spoken]) -> list[dict[str, Any]]:
    """The same evidence; items that cite a turn for a stretch in which hardly anybody speaks cite the silence."""
    return [_placed(dict(item), turns) for item in evidence]


def _placed(item: dict[str, Any], turns: Sequence[Spoken]) -> dict[str, Any]:
    start_ms, end_ms = item.get("start_ms"), item.get("end_ms")
    if not item.get("turn") or start_ms is None or end_ms is None or end_ms <= start_ms:
        return item
    spoken_ms = sum(max(0, min(end_ms, turn.end_ms) - max(start_ms, turn.start_ms)) for turn in turns)
    if spoken_ms > SPOKEN_SHARE * (end_ms - start_ms):
        return item
    return {**item, "turn": None, "quote": f"{floatformat((end_ms - start_ms) / 1000, 2)} s of silence"}

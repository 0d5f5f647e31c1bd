"""The strip of turns in a list row: who spoke when, at a glance. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

MAX_BARS = 60


@dataclass(frozen=True, slots=True)
class Bar:
    """Percent of the strip's width."""

    side: str  # caller, agent, or gap: a silence that was too long
    x: str
    width: str


def strip(turns: Iterable[tuple[str, int, int]], span_ms: int = 0) -> list[Bar]:
    """Bars of (side, start_ms, end_ms); `span_ms` is the least time the strip stands for."""
    known = [turn for turn in turns if turn[2] > turn[1]]
    span = max([span_ms, *(end for _, _, end in known)], default=0)
    if not span:
        return []
    return [
        Bar(side, f"{100 * start / span:.1f}%", f"{100 * (end - start) / span:.1f}%")
        for side, start, end in _merged(known, span // MAX_BARS)
    ]


def _merged(turns: list[tuple[str, int, int]], gap_ms: int) -> list[tuple[str, int, int]]:
    """Turns of one side closer than `gap_ms` become one bar, once there are more than can be told apart."""
    if len(turns) <= MAX_BARS:
        return turns
    merged: dict[str, list[tuple[str, int, int]]] = {}
    for side, start, end in turns:
        row = merged.setdefault(side, [])
        if row and start - row[-1][2] < gap_ms:
            row[-1] = (side, row[-1][1], max(end, row[-1][2]))
        else:
            row.append((side, start, end))
    return [bar for row in merged.values() for bar in row]

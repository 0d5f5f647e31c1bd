"""Figures of a call by name: a module in this folder registers a function with a decorator and is found by `pkgutil`.

    @metric("dead_air", label="Dead air", unit="", version=1, definition="…", limits={"value": Limit(maximum=0)})
    def dead_air(record: CallRecord) -> Reading: ...

Raise `version` whenever a change can alter a value: results keep the version that made them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from agents.folders import Folder
from calls.states import Side
from evaluations.record import CallRecord
from evaluations.wording import Amount, Reads

FEW: Final = 5
NO_RECORDING: Final = "There is no recording of this call."
MONO: Final = "The recording has one channel: the sides cannot be told apart."


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Where in the call. `value` is in the figure's unit (or its parts'); `side` is who did it, "" for both."""

    start_ms: int
    end_ms: int
    value: float | None = None
    side: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value may be, both ends included; None: no bound."""

    minimum: float | None = None
    maximum: float | None = None

    def keeps(self, value: float) -> bool:
        above = self.minimum is None or value >= self.minimum
        return above and (self.maximum is None or value <= self.maximum)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a metric returns: the headline value (None: the call gives none, `note` says why), over `n` things."""

    value: float | None
    n: int = 0
    note: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)
    occurrences: tuple[Occurrence, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """`limits` by part; the headline value is the part "value". `parts`: every part it may give, with its unit.
    `reads`: what a part is called in a sentence."""

    name: str
    label: str
    unit: str
    version: int
    definition: str
    measure: Callable[[CallRecord], Reading]
    limits: Mapping[str, Limit]
    parts: Mapping[str, str]
    reads: Mapping[str, Reads]

    def unit_of(self, part: str) -> str:
        return self.unit if part == "value" else self.parts[part]

    def named(self, part: str) -> str:
        return self.label if part == "value" else f"{self.label} {part.replace('_', ' ')}"

    def reads_as(self, part: str) -> Reads:
        return self.reads.get(part) or Amount(self.named(part))


@dataclass(frozen=True, slots=True)
class Figure:
    """A reading with the metric that made it."""

    metric: Metric
    reading: Reading

    def part(self, name: str) -> float | None:
        return self.reading.value if name == "value" else self.reading.parts.get(name)

    @property
    def broken(self) -> list[tuple[str, float, Limit]]:
        """The default limits that this figure does not keep: (part, value, limit)."""
        values = ((part, self.part(part), limit) for part, limit in self.metric.limits.items())
        return [(part, value, limit) for part, value, limit in values if value is not None and not limit.keeps(value)]


_metrics: dict[str, Metric] = {}
_folder = Folder("evaluations.metrics")


def metric(
    name: str,
    *,
    label: str,
    unit: str,
    version: int,
    definition: str,
    limits: Mapping[str, Limit] | None = None,
    parts: Mapping[str, str] | None = None,
    reads: Mapping[str, Reads] | None = None,
) -> Callable[[Callable[[CallRecord], Reading]], Callable[[CallRecord], Reading]]:
    def add(measure: Callable[[CallRecord], Reading]) -> Callable[[CallRecord], Reading]:
        if name in _metrics:
            raise ValueError(f"Two metrics are named {name!r}.")
        told = Metric(name, label, unit, version, definition, measure, limits or {}, parts or {}, reads or {})
        _metrics[name] = told
        return measure

    return add


def all_metrics() -> list[Metric]:
    _folder.load()
    return [_metrics[name] for name in sorted(_metrics)]


def get_metric(name: str) -> Metric | None:
    _folder.load()
    return _metrics.get(name)


def measure_all(record: CallRecord) -> list[Figure]:
    """Every registered figure of the call, by name."""
    return [Figure(each, each.measure(record)) for each in all_metrics()]


# --- What metrics share -----------------------------------------------------------------------------------------------
def missing_sides(record: CallRecord) -> str:
    """Why the figures that need both sides' speech cannot be made; "" where they can."""
    return {0: NO_RECORDING, 1: MONO}.get(record.channels, "")


def seconds(ms: float) -> float:
    return round(ms / 1000, 3)


QUANTILES: Final[Mapping[str, str]] = {"p50": "s", "p95": "s", "min": "s", "max": "s", "mean": "s"}


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 (linear interpolation, numpy's default), min, max and mean of at least one value."""
    p50, p95 = np.percentile(values, (50, 95))
    named = {"p50": p50, "p95": p95, "min": min(values), "max": max(values), "mean": float(np.mean(values))}
    return {name: round(float(value), 3) for name, value in named.items()}


def few(n: int) -> str:
    """The note that goes with percentiles of few values."""
    return f"Percentiles of only {n} value{'' if n == 1 else 's'}." if n < FEW else ""


def speech_ms(record: CallRecord, side: Side) -> int:
    return sum(segment.duration_ms for segment in record.speech(side))

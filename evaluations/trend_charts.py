"""Charts of runs over time as geometry: what the template writes into SVG. Pure.

Dots are placed in percent of the width, so that they stay round; lines and bands are drawn in a box 1000 wide that is
stretched to it. y is in pixels, `HEIGHT` high.
"""

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 150
TOP, BOTTOM = 8, 128
FEWEST_FOR_A_LINE = 5
BIN_S = 0.25


@dataclass(frozen=True, slots=True)
class Dot:
    x: str
    y: float
    low: float | None  # the interval's ends, where there is one
    high: float | None
    url: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A line up the chart where something changed, or a line across it with its value."""

    at: str
    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    dots: list[Dot]
    line: str  # points of a polyline; "" below five
    band: str  # points of a polygon
    levels: list[Mark]


@dataclass(frozen=True, slots=True)
class Column:
    x: str
    width: str
    y: float
    height: float
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Value:
    """What a chart shows of one run, and where that is told; None: the run tells nothing."""

    value: float | None
    low: float | None = None
    high: float | None = None
    url: str = ""


def positions(moments: Sequence[float]) -> list[float]:
    """Percent of the width by time, from 3 to 97; one alone stands in the middle."""
    if len(moments) < 2 or moments[-1] == moments[0]:
        return [50.0] * len(moments)
    span = moments[-1] - moments[0]
    return [3 + 94 * (moment - moments[0]) / span for moment in moments]


def chart(xs: Sequence[float], values: Sequence[Value], *, top: float, unit: str = "", band: bool = False) -> Chart:
    """`top`: the value at the upper edge. `band`: between low and high it is filled, else whiskers are drawn."""
    known = [(x, value) for x, value in zip(xs, values, strict=True) if value.value is not None]
    dots = [
        Dot(
            f"{x:.2f}%",
            _y(value.value or 0.0, top),
            None if band or value.low is None else _y(value.low, top),
            None if band or value.high is None else _y(value.high, top),
            value.url,
        )
        for x, value in known
    ]
    has_line = len(known) >= FEWEST_FOR_A_LINE
    line = " ".join(f"{10 * x:.1f},{_y(value.value or 0.0, top)}" for x, value in known) if has_line else ""
    filled = _band(known, top) if band and has_line else ""
    levels = [Mark("0", _y(top * share, top), _level(top * share, unit)) for share in (0.0, 0.5, 1.0)]
    return Chart(dots, line, filled, levels)


def _band(known: Sequence[tuple[float, Value]], top: float) -> str:
    upper = [(x, value.high) for x, value in known if value.high is not None]
    lower = [(x, value.low) for x, value in known if value.low is not None]
    return " ".join(f"{10 * x:.1f},{_y(y, top)}" for x, y in [*upper, *reversed(lower)])


def _y(value: float, top: float) -> float:
    share = min(max(value / top, 0.0), 1.0) if top else 0.0
    return round(BOTTOM - (BOTTOM - TOP) * share, 1)


def _level(value: float, unit: str) -> str:
    return f"{100 * value:.0f} %" if unit == "%" else f"{value:.2g} {unit}".rstrip()


def round_top(values: Sequence[float | None]) -> float:
    """A round value at or above the greatest, for the upper edge."""
    greatest = max((value for value in values if value is not None), default=0.0)
    return next((step for step in (0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60) if step >= greatest), greatest)


def version_marks(xs: Sequence[float], versions: Sequence[int]) -> list[Mark]:
    """Where a run is the first of another version than the one before it."""
    return [
        Mark(f"{x:.2f}%", 0, f"v{version}")
        for number, (x, version) in enumerate(zip(xs, versions, strict=True))
        if number == 0 or versions[number - 1] != version
    ]


def histogram(counts: Sequence[int]) -> list[Column]:
    """How many replies took how long, a quarter of a second a column; the last one holds all that is slower."""
    most = max(counts, default=0)
    width = 100 / max(1, len(counts))
    return [
        Column(
            f"{width * number + 0.3:.2f}%",
            f"{width - 0.6:.2f}%",
            _y(count, most) if most else BOTTOM,
            round(BOTTOM - _y(count, most), 1) if most else 0.0,
            f"{BIN_S * number:g}",
            count,
        )
        for number, count in enumerate(counts)
    ]

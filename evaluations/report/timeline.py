"""The stereo timeline of a call as geometry: what the template writes into SVG. Pure.

x is percent of the width, y is pixels; the waves are drawn in a box of their own, one unit a column wide and 100 high.
One axis for all: a reply's bar sits exactly on the silence that it measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.template.defaultfilters import floatformat

from calls.outlines import path_of_levels

BOTH = "both"  # the one lane of a mono recording
LANE_TOP = {"caller": 26, "agent": 90, BOTH: 58}
LANE_HEIGHT = 58
BASE_Y = 218.0
PX_PER_SECOND = 16.1
TALLEST = 56.0
# Beyond this the whole call in one window leaves no room for every reply's label: it can be zoomed.
LONG_MS = 90_000
ZOOM_PX_PER_SECOND = 12
FINE_TICK_S = 10


@dataclass(frozen=True, slots=True)
class Tick:
    x: str
    label: str  # "" between the labelled ones


@dataclass(frozen=True, slots=True)
class Block:
    """A turn on its lane."""

    index: int
    side: str
    x: str
    width: str
    y: int


@dataclass(frozen=True, slots=True)
class ReplyBar:
    x: str
    width: str
    y: float
    height: float
    label: str
    label_x: str
    anchor: str
    is_bad: bool
    is_found: bool = False  # a finding is about it: labelled even where there is no room for every label

    @property
    def label_y(self) -> float:
        return round(self.y - 6, 1)


@dataclass(frozen=True, slots=True)
class Band:
    """A finding's stretch: hatched over both lanes, or solid on one."""

    number: int
    x: str
    width: str
    y: int
    height: int
    is_solid: bool


@dataclass(frozen=True, slots=True)
class Pin:
    number: int
    title: str
    at_ms: int
    at: float  # percent
    is_failure: bool = True


@dataclass(frozen=True, slots=True)
class Wave:
    side: str
    y: int
    columns: float  # the whole axis, in columns
    path: str


@dataclass(frozen=True, slots=True)
class Timeline:
    duration_ms: int
    ticks: list[Tick]
    blocks: list[Block]
    bars: list[ReplyBar]
    bands: list[Band]
    pins: list[Pin]
    waves: list[Wave] = field(default_factory=list)
    fine_ticks: list[Tick] = field(default_factory=list)  # for the zoomed view of a long call
    limit_s: float | None = None

    @property
    def limit_y(self) -> float:
        """Of the line for the limit; never above the lane, whatever the limit is."""
        return round(BASE_Y - min(TALLEST, (self.limit_s or 0) * PX_PER_SECOND), 1)

    @property
    def is_mono(self) -> bool:
        return any(wave.side == BOTH for wave in self.waves)

    @property
    def is_long(self) -> bool:
        return self.duration_ms > LONG_MS

    @property
    def zoomed_px(self) -> int:
        return self.duration_ms * ZOOM_PX_PER_SECOND // 1000


@dataclass(frozen=True, slots=True)
class Axis:
    """Time to percent."""

    duration_ms: int

    def x(self, ms: float) -> str:
        return f"{self.share(ms):.3f}%"

    def width(self, start_ms: float, end_ms: float) -> str:
        return f"{max(0.05, self.share(end_ms) - self.share(start_ms)):.3f}%"

    def share(self, ms: float) -> float:
        return 100 * min(max(ms, 0), self.duration_ms) / max(1, self.duration_ms)


def ticks(axis: Axis) -> list[Tick]:
    """A line every step, a label at every second one; the step grows so that about a dozen lines remain."""
    steps = (5, 10, 15, 30, 60, 120, 300, 600)
    step_s = next((step for step in steps if axis.duration_ms / 1000 / step <= 14), steps[-1])
    times = range(0, axis.duration_ms // 1000 + 1, step_s)
    return [
        Tick(axis.x(1000 * at_s), f"{at_s // 60}:{at_s % 60:02d}" if number % 2 == 0 else "")
        for number, at_s in enumerate(times)
        if axis.share(1000 * at_s) < 97 or number % 2
    ]


def fine_ticks(axis: Axis) -> list[Tick]:
    """A line every ten seconds, every second one with its time."""
    if axis.duration_ms <= LONG_MS:
        return []
    times = range(0, axis.duration_ms // 1000 + 1, FINE_TICK_S)
    return [
        Tick(axis.x(1000 * at_s), f"{at_s // 60}:{at_s % 60:02d}" if number % 2 == 0 else "")
        for number, at_s in enumerate(times)
    ]


def block(axis: Axis, index: int, side: str, start_ms: int, end_ms: int) -> Block:
    return Block(index, side, axis.x(start_ms), axis.width(start_ms, end_ms), LANE_TOP[side])


def reply_bar(axis: Axis, start_ms: int, end_ms: int, value_s: float, limit_s: float | None) -> ReplyBar:
    height = min(TALLEST, max(2.0, value_s * PX_PER_SECOND))
    middle = axis.share((start_ms + end_ms) / 2)
    at_start = middle < 2
    return ReplyBar(
        x=axis.x(start_ms),
        width=axis.width(start_ms, end_ms),
        y=round(BASE_Y - height, 1),
        height=round(height, 1),
        label=f"{floatformat(value_s, 2)} s",
        label_x="0" if at_start else f"{middle:.3f}%",
        anchor="start" if at_start else "middle",
        is_bad=limit_s is not None and value_s > limit_s,
    )


def band(axis: Axis, number: int, start_ms: int, end_ms: int, side: str = "") -> Band:
    x, width = axis.x(start_ms), axis.width(start_ms, end_ms)
    if side:
        return Band(number, x, width, LANE_TOP[side], LANE_HEIGHT, True)
    return Band(number, x, width, 24, 127, False)


def wave(side: str, levels: Sequence[float], columns: float) -> Wave:
    return Wave(side, LANE_TOP[side], columns, path_of_levels(levels))

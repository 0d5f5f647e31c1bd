"""The outline of one side's levels as an SVG path, in a box one unit a column wide and 100 high. Pure."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

FLOOR = 0.03  # below this share of the loudest column a channel counts as still
HALF = 46


def path_of_levels(levels: Sequence[float]) -> str:
    """Levels from 0 to 1, one a column; "" where all is still."""
    return "".join(_outline(levels, run) for run in _runs(levels))


def _runs(levels: Sequence[float]) -> Iterable[range]:
    """Stretches of columns that are not still, each with a still column at both ends."""
    start = None
    for number, level in enumerate([*levels, 0.0]):
        if level >= FLOOR and start is None:
            start = number
        elif level < FLOOR and start is not None:
            yield range(start, number)
            start = None


def _outline(levels: Sequence[float], run: range) -> str:
    """A closed shape mirrored at the middle, in steps relative to the point before: half the size of absolute ones."""
    heights = [0, *(round(HALF * levels[column]) for column in run), 0]
    there = "".join(f"l1 {old - new}" for old, new in pairwise(heights))
    back = "".join(f"l-1 {new - old}" for old, new in pairwise(heights[::-1]))
    return f"M{run.start} 50{there}{back}z"

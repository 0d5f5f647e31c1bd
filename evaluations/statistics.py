"""Intervals, pass^k, paired tests, corrections, and the verdict of a gate. Pure.

Sources: Wilson (1927); pass^k as in τ-bench (Yao et al. 2024); McNemar (1947), exact form; Bonett & Price (2012) for
the difference of paired proportions; Efron's percentile bootstrap over clusters; Holm (1979); Mann (1945) and Kendall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import comb, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

RESAMPLES: Final = 10_000
CHUNK: Final = 500  # resamples worked on at once, to bound the memory
ALPHA: Final = 0.05
MARGIN: Final = 0.10
MAX_MORE_CALLS: Final = 5_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


# --- One sample -------------------------------------------------------------------------------------------------------
def wilson(passed: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a rate; 0 to 1 where nothing was counted."""
    if not 0 <= passed <= n:
        raise ValueError(f"{passed} of {n} cannot have passed.")
    if n == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, z2n = passed / n, z * z / n
    centre = (rate + z2n / 2) / (1 + z2n)
    half = z * sqrt(rate * (1 - rate) / n + z2n / (4 * n)) / (1 + z2n)
    low = 0.0 if passed == 0 else max(0.0, centre - half)
    return Interval(low, 1.0 if passed == n else min(1.0, centre + half))


def pass_hat(passed: int, n: int, k: int) -> float | None:
    """pass^k = C(c, k) / C(n, k): the chance that k repeats all pass, without bias. None with fewer than k repeats."""
    if k < 1:
        raise ValueError("k is 1 or more.")
    return None if n < k else comb(passed, k) / comb(n, k)


def percentile(values: Sequence[float], q: float) -> float | None:
    """Linear interpolation, as numpy's default; None of nothing."""
    return float(np.percentile(values, q)) if values else None


# --- Two samples, paired ----------------------------------------------------------------------------------------------
def mcnemar(lost: int, won: int) -> float:
    """Two-sided exact p of McNemar's test: `lost` pairs went from pass to fail, `won` from fail to pass."""
    if lost < 0 or won < 0:
        raise ValueError("Counts are 0 or more.")
    n = lost + won
    term = tail = 1  # C(n, i), from the one before it: whole numbers all the way
    for i in range(min(lost, won)):
        term = term * (n - i) // (i + 1)
        tail += term
    return min(1.0, float(2 * tail / 2**n))


def paired_difference(lost: int, won: int, n: int, confidence: float = 0.95) -> Interval:
    """Interval of (new rate - old rate) over n pairs: Bonett and Price's adjusted Wald interval."""
    if not 0 <= lost + won <= n:
        raise ValueError("There are more discordant pairs than pairs.")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    down, up = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    half = z * sqrt((down + up - (up - down) ** 2) / (n + 2))
    return Interval(max(-1.0, up - down - half), min(1.0, up - down + half))


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a percentile moved from the old calls to the new ones."""

    q: float
    old: float
    new: float
    interval: Interval
    p: float
    calls: int

    @property
    def difference(self) -> float:
        return self.new - self.old


def bootstrap_shift(
    old: Sequence[Sequence[float]],
    new: Sequence[Sequence[float]],
    q: float,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Shift | None:
    """The shift of the q-th percentile, with a 95 % percentile interval over resampled calls.

    `old[i]` and `new[i]` are the values of the same case's call in either run: a case is drawn with all its values,
    in both runs together. p is twice the smaller share of resamples on one side of 0. None below 2 cases with values.
    """
    if len(old) != len(new):
        raise ValueError("Each case has values in both runs.")
    kept = [(a, b) for a, b in zip(old, new, strict=True) if len(a) and len(b)]
    if len(kept) < 2:
        return None
    before, after = _Pool([a for a, _ in kept]), _Pool([b for _, b in kept])
    random = np.random.default_rng(seed)
    weights = np.full(len(kept), 1 / len(kept))
    shifts = np.concatenate(
        [
            after.percentiles(drawn, q) - before.percentiles(drawn, q)
            for size in _chunks(resamples)
            for drawn in (random.multinomial(len(kept), weights, size=size),)
        ]
    )
    once = np.ones((1, len(kept)), np.int64)
    low, high = np.percentile(shifts, [2.5, 97.5])
    side = min(np.count_nonzero(shifts <= 0), np.count_nonzero(shifts >= 0))
    p = min(1.0, 2 * (int(side) + 1) / (resamples + 1))
    point = float(before.percentiles(once, q)[0]), float(after.percentiles(once, q)[0])
    return Shift(q, *point, Interval(float(low), float(high)), p, len(kept))


def _chunks(total: int) -> list[int]:
    return [min(CHUNK, total - start) for start in range(0, total, CHUNK)]


class _Pool:
    """The values of all calls, sorted once, so that a resample is a row of weights."""

    def __init__(self, calls: Sequence[Sequence[float]]) -> None:
        owners = np.repeat(np.arange(len(calls)), [len(values) for values in calls])
        values = np.concatenate([np.asarray(each, np.float64) for each in calls])
        order = np.argsort(values, kind="stable")
        self._values: Floats = values[order]
        self._owners = owners[order]

    def percentiles(self, drawn: npt.NDArray[np.int64], q: float) -> Floats:
        """`drawn`: shape (resamples, calls), how often each call was drawn → shape (resamples,)."""
        reached = np.cumsum(drawn[:, self._owners], axis=1)
        place = q / 100 * (reached[:, -1] - 1)
        below = np.floor(place).astype(np.int64)
        low = self._at(reached, below)
        high = self._at(reached, np.minimum(below + 1, reached[:, -1] - 1))
        result: Floats = low + (high - low) * (place - below)
        return result

    def _at(self, reached: npt.NDArray[np.int64], rank: npt.NDArray[np.int64]) -> Floats:
        found: Floats = self._values[np.count_nonzero(reached <= rank[:, None], axis=1)]
        return found


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p values, by the same names."""
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    adjusted: dict[str, float] = {}
    floor = 0.0
    for rank, (name, p) in enumerate(ordered):
        floor = max(floor, min(1.0, (len(ordered) - rank) * p))
        adjusted[name] = floor
    return {name: adjusted[name] for name in p_values}


# --- Many in a row ----------------------------------------------------------------------------------------------------
def mann_kendall(values: Sequence[float]) -> float:
    """One-sided p that a series falls: the share of orders with at least so many falls among all orders.

    Exact without ties; with ties an upper bound (a tie counts as no fall). 1.0 for fewer than 2 values.
    """
    n = len(values)
    falls = sum(values[j] < values[i] for i in range(n) for j in range(i + 1, n))
    ways = [1]  # ways[s]: orders of the values so far with s falls
    for size in range(2, n + 1):
        ways = [sum(ways[max(0, s - size + 1) : s + 1]) for s in range(len(ways) + size - 1)]
    return sum(ways[falls:]) / sum(ways)


# --- The gate ---------------------------------------------------------------------------------------------------------
class GateVerdict(StrEnum):
    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    NOT_ENOUGH = "not enough calls"


@dataclass(frozen=True, slots=True)
class Paired:
    """Pass and fail of the same cases in an old and a new run."""

    both_passed: int
    lost: int
    won: int
    both_failed: int

    @property
    def n(self) -> int:
        return self.both_passed + self.lost + self.won + self.both_failed


@dataclass(frozen=True, slots=True)
class Gate:
    verdict: GateVerdict
    p: float
    difference: float
    interval: Interval
    n: int
    # 0 where the verdict stands; None where no number of calls that we would name would tell.
    more_calls: int | None


def gate(pairs: Paired, *, alpha: float = ALPHA, margin: float = MARGIN) -> Gate:
    """Better or worse where McNemar's test says so at `alpha`; same where the 95 % interval of the difference lies
    within ±margin; else not enough calls, and how many more would tell if the rates stayed as they are."""
    p = mcnemar(pairs.lost, pairs.won)
    interval = paired_difference(pairs.lost, pairs.won, pairs.n)
    verdict = _verdict(pairs, alpha, margin)
    more = 0 if verdict is not GateVerdict.NOT_ENOUGH else _more_calls(pairs, alpha, margin)
    difference = (pairs.won - pairs.lost) / pairs.n if pairs.n else 0.0
    return Gate(verdict, p, difference, interval, pairs.n, more)


def _verdict(pairs: Paired, alpha: float, margin: float) -> GateVerdict:
    if mcnemar(pairs.lost, pairs.won) <= alpha:
        return GateVerdict.WORSE if pairs.lost > pairs.won else GateVerdict.BETTER
    interval = paired_difference(pairs.lost, pairs.won, pairs.n)
    if pairs.n and -margin <= interval.low and interval.high <= margin:
        return GateVerdict.SAME
    return GateVerdict.NOT_ENOUGH


def _more_calls(pairs: Paired, alpha: float, margin: float) -> int | None:
    """The least that would tell at the rates seen so far; found by growing, for the exact test is not monotone."""
    lost, won = (pairs.lost / pairs.n, pairs.won / pairs.n) if pairs.n else (0.0, 0.0)
    n = pairs.n
    while n < pairs.n + MAX_MORE_CALLS:
        n += max(1, n // 50)
        seen = Paired(0, round(lost * n), round(won * n), 0)
        grown = Paired(max(0, n - seen.lost - seen.won), seen.lost, seen.won, 0)
        if _verdict(grown, alpha, margin) is not GateVerdict.NOT_ENOUGH:
            return n - pairs.n
    return None


def required_rate(passed: int, n: int, required: float) -> bool | None:
    """Whether a pass rate is kept: None where its interval holds the required rate and more calls are needed.

    A rate of 1 is kept as long as nothing failed: no number of calls proves it.
    """
    if required >= 1:
        return passed == n if n else None
    interval = wilson(passed, n)
    if interval.low >= required:
        return True
    return False if interval.high < required else None

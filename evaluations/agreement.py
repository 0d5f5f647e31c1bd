"""How well a judge agrees with people: share, Cohen's kappa, true-positive and true-negative rate. Pure.

A positive is a call that people say passes. Closed forms: Cohen (1960) for kappa; Wilson (1927) for intervals.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Final

Z_95: Final = 1.959963984540054
ENOUGH_LABELS: Final = 20


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` of `n`, with the Wilson 95 % interval; value and interval are None where n is 0."""

    hits: int
    n: int

    @property
    def value(self) -> float | None:
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.hits, self.n) if self.n else None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts of (judge passes, people pass), and what follows from them."""

    both_pass: int = 0
    judge_only: int = 0  # the judge passes what people fail
    people_only: int = 0
    both_fail: int = 0

    @property
    def n(self) -> int:
        return self.both_pass + self.judge_only + self.people_only + self.both_fail

    @property
    def share(self) -> Rate:
        return Rate(self.both_pass + self.both_fail, self.n)

    @property
    def true_positive(self) -> Rate:
        return Rate(self.both_pass, self.both_pass + self.people_only)

    @property
    def true_negative(self) -> Rate:
        return Rate(self.both_fail, self.both_fail + self.judge_only)

    @property
    def kappa(self) -> float | None:
        """None without labels, and where both say one and the same of all: then chance alone agrees."""
        if not self.n:
            return None
        observed = (self.both_pass + self.both_fail) / self.n
        judge, people = (self.both_pass + self.judge_only) / self.n, (self.both_pass + self.people_only) / self.n
        by_chance = judge * people + (1 - judge) * (1 - people)
        return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)

    @property
    def is_validated(self) -> bool:
        return self.n >= ENOUGH_LABELS


def agreement(pairs: Iterable[tuple[bool, bool]]) -> Agreement:
    """`pairs`: (the judge passes it, people pass it)."""
    counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for judge, people in pairs:
        counts[judge, people] += 1
    return Agreement(counts[True, True], counts[True, False], counts[False, True], counts[False, False])


def wilson(hits: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """n > 0."""
    share, spread = hits / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)

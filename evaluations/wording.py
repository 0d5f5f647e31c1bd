"""Figures in words: the sentence that tells a value and its limit, and the rule that asks for one. Pure.

A metric says what each of its parts reads as (`Amount`, `Share`, `Count`); a part without that is told by its label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.template.defaultfilters import floatformat

# Decimals that a reader can use; more only where a value could not be told from its limit.
DECIMALS: Final = {"s": 2, "ms": 0, "min": 1, "%": 1, "dB": 1, "dBFS": 1, "words/min": 0}
PLAIN_DECIMALS: Final = 4
MOST_DECIMALS: Final = 6
SPOKEN_UNITS: Final = {"words/min": "words a minute"}
WORDS: Final = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than", "==": "exactly"}


@dataclass(frozen=True, slots=True)
class Things:
    one: str
    many: str

    def __str__(self) -> str:
        return self.many

    def counted(self, n: int) -> str:
        return f"{n} {self.one if n == 1 else self.many}"


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity in the part's unit. `{things}` in the subject stands for what it was taken of, with their number."""

    subject: str
    things: Things | None = None

    def said(self, value: float, unit: str, apart_from: Sequence[float], n: int) -> str:
        things = self.things.counted(n) if self.things and n else self.things
        return f"{self.subject.format(things=things)} is {self.amount(value, unit, apart_from)}"

    def rule(self, op: str, limit: float, unit: str) -> str:
        return f"{self.subject.format(things=self.things)} is {WORDS[op]} {self.amount(limit, unit)}."

    def amount(self, value: float, unit: str, apart_from: Sequence[float] = ()) -> str:
        return f"{_number(value, unit, apart_from)} {SPOKEN_UNITS.get(unit, unit)}".rstrip()

    def bound(self, op: str, limit: float, unit: str, apart_from: Sequence[float] = ()) -> str:
        demand = "allowed" if op == "<=" else "required"
        return f"{WORDS[op]} {self.amount(limit, unit, apart_from)} is {demand}"


class Share(Amount):
    """A part of one, told in percent."""

    def amount(self, value: float, unit: str, apart_from: Sequence[float] = ()) -> str:
        return Amount.amount(self, 100 * value, "%", [100 * each for each in apart_from])


@dataclass(frozen=True, slots=True)
class Count:
    """How many there were, `among` so many others."""

    counted: Things
    among: Things | None = None

    def said(self, value: float, unit: str, apart_from: Sequence[float], n: int) -> str:
        number = self.amount(value, unit) if value else "no"
        noun = self.counted.one if value == 1 else self.counted.many
        among = f" in {self.among.counted(n)}" if self.among and n else ""
        return f"There {'was' if value == 1 else 'were'} {number} {noun}{among}"

    def rule(self, op: str, limit: float, unit: str) -> str:
        if _is_none(op, limit):
            return f"There are no {self.counted.many}."
        verb, noun = ("is", self.counted.one) if limit == 1 else ("are", self.counted.many)
        return f"There {verb} {_of_many(op)} {self.amount(limit, unit)} {noun}."

    def amount(self, value: float, unit: str, apart_from: Sequence[float] = ()) -> str:
        return _number(value, unit)

    def bound(self, op: str, limit: float, unit: str, apart_from: Sequence[float] = ()) -> str:
        if _is_none(op, limit):
            return "none is allowed"
        demand = "allowed" if op == "<=" else "required"
        return f"{_of_many(op)} {self.amount(limit, unit)} {'is' if limit == 1 else 'are'} {demand}"


Reads = Amount | Count


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def against_limit(reads: Reads, value: float, n: int, op: str, limit: float, unit: str) -> str:
    """One sentence, value and limit in `unit`: “The longest dead air is 4.1 s; at most 3 s is allowed.”"""
    told = reads.said(value, unit, [limit], n)
    return f"{told}; {reads.bound(op, limit, unit, [value])}."


def beyond_usual(reads: Reads, value: float, n: int, minimum: float | None, maximum: float | None, unit: str) -> str:
    """One sentence about a value that is outside of what is usual; None: no bound on that side."""
    bounds = [each for each in (minimum, maximum) if each is not None]
    told = reads.said(value, unit, bounds, n)
    if minimum is not None and maximum is not None:
        least, most = (reads.amount(each, unit, [value]) for each in bounds)
        return f"{told}; {_without_unit(least, most)} to {most} is usual."
    (bound,), word = bounds, "at most" if minimum is None else "at least"
    if isinstance(reads, Count) and not bound:
        return f"{told}; usual is none."
    return f"{told}; usual is {word} {reads.amount(bound, unit, [value])}."


def quantiles_read(things: Things) -> dict[str, Reads]:
    """What the parts p50, p95, min, max and mean, and a value that is the median, read as."""
    named = {
        "value": "The median of {things}",
        "p50": "The median of {things}",
        "p95": "The 95th percentile of {things}",
        "min": "The shortest of {things}",
        "max": "The longest of {things}",
        "mean": "The mean of {things}",
    }
    return {part: Amount(subject, things) for part, subject in named.items()}


def _is_none(op: str, limit: float) -> bool:
    return not limit and op in ("<=", "==")


def _of_many(op: str) -> str:
    return "fewer than" if op == "<" else WORDS[op]


def _without_unit(least: str, most: str) -> str:
    unit = most.partition(" ")[2]
    return least.removesuffix(unit).rstrip() if unit else least


def _number(value: float, unit: str, apart_from: Sequence[float] = ()) -> str:
    """With the unit's decimals; with as many more as it takes to tell it from other values."""
    for decimals in range(DECIMALS.get(unit, PLAIN_DECIMALS), MOST_DECIMALS):
        told = _rounded(value, decimals)
        if all(told != _rounded(other, decimals) for other in apart_from if other != value):
            return told
    return _rounded(value, MOST_DECIMALS)


def _rounded(value: float, decimals: int) -> str:
    text = str(floatformat(value, decimals))  # rounded as on the pages
    return text.rstrip("0").rstrip(".") if "." in text else text

"""Regular expressions that cannot hang a call. Pure.

Python's `re` backtracks without a time limit and holds the interpreter while it does: one bad pattern would stop the
audio of every call in the process. So a pattern's length is limited, the text it sees is limited (`words.py`), and
before it is accepted the ways in which it can match are counted: a repeat of a repeat ("(a+)+") has more than any
budget.
"""

import importlib
import math
import re
import warnings
from typing import Any

from agents.script.words import MAX_HEARD_CHARS

MAX_PATTERN_CHARS = 400
# Two unbounded repeats (".*") in one pattern, each of them over a whole turn, are about the most: some tenths of a
# second in the worst case, and microseconds on what people say.
MAX_WAYS = 400_000

# Reads a pattern into its tree. It has no public name; the public `sre_parse` is deprecated.
_parser: Any = importlib.import_module("re._parser")
_PASSIVE = {"LITERAL", "NOT_LITERAL", "ANY", "IN", "AT", "CATEGORY", "GROUPREF", "FAILURE"}
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}


class UnsafePattern(ValueError):
    """The pattern is no regular expression, or one that could take too long. The message says what to do."""


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Raises UnsafePattern."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise UnsafePattern(f"longer than {MAX_PATTERN_CHARS} characters: write several alternatives in `when`")
    tree = _parse(pattern)
    if _ways(tree) > MAX_WAYS:
        raise UnsafePattern(
            "could take too long on a long turn: use no repeat inside a repeat and at most two of * and +, "
            "or bound them, for example .{0,40}"
        )
    return re.compile(pattern, re.IGNORECASE)


def _parse(pattern: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern, re.IGNORECASE)
            return _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as problem:
        raise UnsafePattern(f"not a regular expression: {problem}") from None


def _ways(items: Any) -> float:
    """An upper bound of the ways in which this sequence can match at one place."""
    return math.prod((_ways_of(str(kind), value) for kind, value in items), start=1.0)


def _ways_of(kind: str, value: Any) -> float:
    if kind in _PASSIVE:
        return 1
    if kind in _REPEATS:
        return _ways_repeated(*value)
    if kind == "BRANCH":
        return _ways_of_branch(value[1])
    if kind in {"SUBPATTERN", "ASSERT", "ASSERT_NOT"}:
        return _ways(value[-1])
    if kind == "ATOMIC_GROUP":
        return _ways(value)
    return math.inf


def _ways_repeated(least: int, most: int, body: Any) -> float:
    times = min(int(most), MAX_HEARD_CHARS)
    each = _ways(body)
    if each == 1:
        return max(times - min(int(least), times), 0) + 1
    return math.inf if times * math.log(each) > 40 else sum(each**n for n in range(times + 1))


def _ways_of_branch(branches: Any) -> float:
    """Alternatives with different first letters exclude each other."""
    starts = [str(branch[0]) if len(branch) else "" for branch in branches]
    apart = len(set(starts)) == len(starts) and all("LITERAL" in start and "NOT" not in start for start in starts)
    ways = [_ways(branch) for branch in branches]
    return max(ways) if apart else sum(ways)

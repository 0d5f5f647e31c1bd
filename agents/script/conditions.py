"""Reads `when`: one condition or a list of alternatives. Pure."""

import re
from collections.abc import Callable

from agents.script.language import (
    Condition,
    WhenAnswered,
    WhenGreeted,
    WhenHeard,
    WhenPressed,
    WhenSilent,
    WhenSpeaking,
)
from agents.script.patterns import MAX_PATTERN_CHARS, compile_pattern
from agents.script.reading import Reader, did_you_mean

MAX_CONDITIONS = 20
_DIGITS = re.compile(r"[0-9*#A-Da-d]+", re.ASCII)


def read_conditions(read: Reader, value: object, path: str) -> tuple[Condition, ...]:
    alone = isinstance(value, dict)
    entries = [value] if alone else read.items(value, path, MAX_CONDITIONS) or []
    places = [path] if alone else [f"{path}[{n}]" for n in range(len(entries))]
    return tuple(c for entry, place in zip(entries, places, strict=True) if (c := _condition(read, entry, place)))


def _condition(read: Reader, value: object, path: str) -> Condition | None:
    condition = read.mapping(value, path, '{"heard": "large|small"}')
    if condition is None:
        return None
    if len(condition) != 1:
        read.wrong(path, "write one condition an entry; alternatives are a list: [{…}, {…}]")
        return None
    ((kind, what),) = condition.items()
    if kind not in _READERS:
        read.wrong(f"{path}.{kind[:40]}", f"unknown condition; {did_you_mean(kind, _READERS)}")
        return None
    return _READERS[kind](read, what, f"{path}.{kind}")


def _answered(read: Reader, value: object, path: str) -> Condition | None:
    return WhenAnswered() if read.only_true(value, path) else None


def _greeted(read: Reader, value: object, path: str) -> Condition | None:
    return WhenGreeted() if read.only_true(value, path) else None


def _heard(read: Reader, value: object, path: str) -> Condition | None:
    text = read.text(value, path, MAX_PATTERN_CHARS)
    pattern = None if text is None else read.tried(lambda: compile_pattern(text), path)
    return WhenHeard(pattern) if pattern else None


def _silence(read: Reader, value: object, path: str) -> Condition | None:
    seconds = read.number(value, path, 0.2, 600)
    return None if seconds is None else WhenSilent(round(1000 * seconds))


def _dtmf(read: Reader, value: object, path: str) -> Condition | None:
    text = read.text(str(value) if isinstance(value, int) and not isinstance(value, bool) else value, path, 64)
    if text is None:
        return None
    # "*" and "#" alone are keys; anything beside keys makes it a regular expression.
    pattern = re.escape(text) if _DIGITS.fullmatch(text) else text
    compiled = read.tried(lambda: compile_pattern(rf"(?:{pattern})\Z"), path)
    return WhenPressed(compiled) if compiled else None


def _speaking(read: Reader, value: object, path: str) -> Condition | None:
    duration_ms = read.number(value, path, 20, 60_000)
    return None if duration_ms is None else WhenSpeaking(int(duration_ms))


_READERS: dict[str, Callable[[Reader, object, str], Condition | None]] = {
    "answered": _answered,
    "greeted": _greeted,
    "heard": _heard,
    "silence_s": _silence,
    "dtmf": _dtmf,
    "speaking_ms": _speaking,
}

"""The check of a scenario's line conditions. They belong to calls, which is above this app and gives the check here."""

from collections.abc import Callable, Iterable
from typing import Any

# Returns what is wrong with a `line`, a sentence each.
LineCheck = Callable[[dict[str, Any]], list[str]]
_checks: list[LineCheck] = []
_presets: list[str] = []


def set_line_check(check: LineCheck, presets: Iterable[str]) -> None:
    _checks[:], _presets[:] = [check], presets


def line_presets() -> list[str]:
    """Their names, for those who write a scenario."""
    return list(_presets)


def line_problems(line: dict[str, Any]) -> list[str]:
    return [problem for check in _checks for problem in check(line)]

"""The check of a scenario's line conditions. They belong to calls, which is above this app and gives the check here."""

from collections.abc import Callable
from typing import Any

# Returns what is wrong with a `line`, a sentence each.
LineCheck = Callable[[dict[str, Any]], list[str]]
_checks: list[LineCheck] = []


def set_line_check(check: LineCheck) -> None:
    _checks[:] = [check]


def line_problems(line: dict[str, Any]) -> list[str]:
    return [problem for check in _checks for problem in check(line)]

"""Reads JSON values and collects what is wrong with them, each with its path. Pure."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from agents.script.arithmetic import FormulaError
from agents.script.language import Problem
from agents.script.patterns import UnsafePattern
from agents.script.templates import Template, TemplateError, parse_template

T = TypeVar("T")
Scalar = str | int | float | bool
MAX_TEXT_CHARS = 1_000
MAX_PROBLEMS = 50


class Reader:
    """Every method returns what it read, or None after it noted a problem."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, path: str, message: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(path, message))

    def mapping(self, value: object, path: str, example: str) -> dict[str, object] | None:
        if isinstance(value, Mapping) and value and all(isinstance(key, str) for key in value):
            return dict(value)
        self.wrong(path, f"write an object with text keys, for example {example}")
        return None

    def items(self, value: object, path: str, most: int) -> list[object] | None:
        if isinstance(value, list) and 0 < len(value) <= most:
            return value
        self.wrong(path, f"write a list of 1 to {most} entries")
        return None

    def known_keys(self, value: Mapping[str, object], path: str, known: Iterable[str]) -> None:
        names = list(known)
        for key in value:
            if key not in names:
                self.wrong(_join(path, key[:40]), f"unknown; {did_you_mean(key, names)}")

    def text(self, value: object, path: str, most: int = MAX_TEXT_CHARS) -> str | None:
        if isinstance(value, str) and value.strip() and len(value) <= most:
            return value
        self.wrong(path, f"write a text of 1 to {most} characters")
        return None

    def template(self, value: object, path: str) -> Template | None:
        text = self.text(value, path)
        return None if text is None else self.tried(lambda: parse_template(text), path)

    def name(self, value: object, path: str) -> str | None:
        """The name of a capture."""
        if isinstance(value, str) and value.isidentifier() and value.isascii() and len(value) <= 40:
            return value
        self.wrong(path, "write a name of letters, digits and _ that begins with a letter, for example order_total")
        return None

    def scalar(self, value: object, path: str) -> Scalar | None:
        if isinstance(value, str) and len(value) <= MAX_TEXT_CHARS:
            return value
        if isinstance(value, bool) or (isinstance(value, int | float) and abs(value) <= 1e12):
            return value
        self.wrong(path, "write a text, a number, true or false")
        return None

    def number(self, value: object, path: str, least: float, most: float) -> float | None:
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            return float(value)
        self.wrong(path, f"write a number from {least:g} to {most:g}")
        return None

    def flag(self, value: object, path: str) -> bool:
        if not isinstance(value, bool):
            self.wrong(path, "write true or false")
        return value is True

    def only_true(self, value: object, path: str) -> bool:
        if value is not True:
            self.wrong(path, "write true")
        return value is True

    def tried(self, read: Callable[[], T], path: str) -> T | None:
        try:
            return read()
        except (TemplateError, FormulaError, UnsafePattern) as problem:
            self.wrong(path, str(problem))
            return None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name[:40], names, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key

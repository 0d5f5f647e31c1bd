"""Texts with captures in them: "That is {total|money}, {name or friend}." Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agents.script.words import number

_HOLE = re.compile(r"\{([A-Za-z_]\w{0,40})(?: or ([^{}|]{0,80}))?(?:\|(money|title|spell))?\}", re.ASCII)


class TemplateError(ValueError):
    """A text with a brace that names no capture."""


@dataclass(frozen=True, slots=True)
class Template:
    text: str

    def render(self, captures: Mapping[str, object]) -> tuple[str, tuple[str, ...]]:
        """The text, and the names it wanted that are not known and have no default."""
        missing: list[str] = []

        def fill(hole: re.Match[str]) -> str:
            name, default, form = hole.groups()
            value = captures.get(name)
            if value is None or value == "":
                if default is None:
                    missing.append(name)
                return default or ""
            return _FORMS[form](value)

        return " ".join(_HOLE.sub(fill, self.text).split()), tuple(missing)


def parse_template(text: str) -> Template:
    """Raises TemplateError."""
    rest = _HOLE.sub("", text)
    if "{" in rest or "}" in rest:
        raise TemplateError(
            "a brace that is no capture; write {name}, {name or something else}, {total|money}, {name|title} "
            "or {code|spell}"
        )
    return Template(text)


def plain(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    return str(value)


def money(value: object) -> str:
    amount = number(value)
    return plain(value) if amount is None else f"${amount:.2f}"


def title(value: object) -> str:
    return plain(value).title()


def spell(value: object) -> str:
    return " ".join(plain(value).replace(" ", ""))


_FORMS: dict[str | None, Callable[[object], str]] = {None: plain, "money": money, "title": title, "spell": spell}

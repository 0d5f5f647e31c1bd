"""Texts with captures in them: "That is {total|money}, {name or friend}." Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agents.script.words import number, to_words

_HOLE = re.compile(r"\{([A-Za-z_]\w{0,40})(?: or ([^{}|]{0,80}))?(?:\|(money|dollars|title|spell|words))?\}", re.ASCII)


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
            "a brace that is no capture; write {name}, {name or something else}, {total|money}, "
            "{total|dollars}, {name|title}, {count|words} or {code|spell}"
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


def in_words(value: object) -> str:
    return to_words(plain(value))


def dollars(value: object) -> str:
    """ "sixteen dollars and five cents": for voices that do not read "$16.05"."""
    amount = number(value)
    if amount is None or amount < 0:
        return plain(value)
    whole, cents = divmod(round(amount * 100), 100)
    text = f"{whole} dollar{'s' if whole != 1 else ''}"
    return to_words(f"{text} and {cents} cent{'s' if cents != 1 else ''}" if cents else text)


_FORMS: dict[str | None, Callable[[object], str]] = {
    None: plain,
    "money": money,
    "dollars": dollars,
    "title": title,
    "spell": spell,
    "words": in_words,
}

"""What was heard, in the forms a pattern may be written in. Pure.

Recognisers differ: "Two cheese burgers, please." and "2 cheeseburgers please" are the same words. A pattern is tried on
each form of a turn, so that its author may write either.
"""

import re
from collections.abc import Mapping

# Longer turns are matched on their end, which is where a question or an answer stands. Together with the budget of
# `patterns.py` this bounds the time of a match.
MAX_HEARD_CHARS = 600

_SMALL = (
    ("zero", 0), ("one", 1), ("two", 2), ("three", 3), ("four", 4), ("five", 5), ("six", 6), ("seven", 7), ("eight", 8),
    ("nine", 9), ("ten", 10), ("eleven", 11), ("twelve", 12), ("thirteen", 13), ("fourteen", 14), ("fifteen", 15),
    ("sixteen", 16), ("seventeen", 17), ("eighteen", 18), ("nineteen", 19), ("twenty", 20), ("thirty", 30),
    ("forty", 40), ("fifty", 50), ("sixty", 60), ("seventy", 70), ("eighty", 80), ("ninety", 90),
)  # fmt: skip
_NUMBERS = dict(_SMALL)
_WORDS = {n: word for word, n in _SMALL}
_SCALES = {"hundred": 100, "thousand": 1000}
_VARIANTS = {
    "okay": "ok",
    "yeah": "yes",
    "yep": "yes",
    "yup": "yes",
    "nope": "no",
    "nah": "no",
    "good bye": "goodbye",
    "thank you": "thanks",
    "colour": "color",
    "grey": "gray",
    "favourite": "favorite",
    "cheque": "check",
}


def forms(text: str, variants: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The forms of one turn, without repeats: numbers in digits, numbers in words, plain words, as it was written."""
    written = " ".join(text.replace("’", "'").split())[-MAX_HEARD_CHARS:]
    plain = bare(written)
    spelled = _respell(plain, {**_VARIANTS, **(variants or {})})
    digits = _money(_to_digits(spelled))
    tried = (digits, to_words(digits), plain, written)
    return tuple(dict.fromkeys(form[-MAX_HEARD_CHARS:] for form in tried))


def bare(text: str) -> str:
    """Lower case, without punctuation; a decimal point stays."""
    text = text.lower().replace("&", " and ").replace("%", " percent ").replace("'", "")
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    return " ".join(re.sub(r"(?!(?<=\d)\.\d)[^\w\s]|_", " ", text).split())


def number(value: object) -> float | None:
    """`value` as a number: 2, "2", "$2.50", "two", "twenty one", "a" (one). None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    text = _money(_to_digits(bare(str(value)[:MAX_HEARD_CHARS])))
    if text in {"a", "an"}:
        return 1.0
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)(?: (?:dollars?|cents?|euros?|pounds?|percent))?", text, re.ASCII)
    return float(found[1]) if found else None


def to_words(text: str) -> str:
    """Whole numbers below one hundred in words, the rest as it is."""
    return re.sub(r"(?<![\d.])\d{1,2}(?![\d.])", lambda found: _in_words(int(found[0])), text, flags=re.ASCII)


def as_spoken(captured: str, heard: str) -> str:
    """`captured` as the transcript writes it ("dana" -> "Dana") where the transcript holds it."""
    found = re.search(rf"(?<!\w){re.escape(captured)}(?!\w)", heard, re.IGNORECASE) if captured else None
    return found[0] if found else captured


def _in_words(value: int) -> str:
    if value in _WORDS:
        return _WORDS[value]
    return f"{_WORDS[value - value % 10]} {_WORDS[value % 10]}"


def _respell(text: str, variants: Mapping[str, str]) -> str:
    words = sorted((bare(word) for word in variants), key=len, reverse=True)
    spelling = {bare(word): bare(variant) for word, variant in variants.items()}
    pattern = "|".join(re.escape(word) for word in words if word)
    return re.sub(rf"\b(?:{pattern})\b", lambda found: spelling[found[0]], text)


def _to_digits(text: str) -> str:
    """Number words as digits: "twenty one" -> "21", "two hundred five" -> "205", "one two three" -> "1 2 3"."""
    out: list[str] = []
    value: int | None = None
    for word in text.split():
        joined = _join(value, word)
        if joined is None and value is not None:
            out.append(str(value))
            joined = _join(None, word)
        value = joined
        if value is None:
            out.append(word)
    return " ".join([*out, str(value)] if value is not None else out)


def _join(value: int | None, word: str) -> int | None:
    """The number that goes on with `word`; None where `word` is no part of it."""
    if word in _SCALES and value is not None and 0 < value < _SCALES[word]:
        return value * _SCALES[word]
    if word not in _NUMBERS:
        return None
    added = _NUMBERS[word]
    if value is None:
        return added
    room = 10 if value % 100 in range(20, 100, 10) else 100 if value and value % 100 == 0 else 0
    return value + added if 0 < added < room else None


def _money(text: str) -> str:
    """ "5 dollars and 50 cents" -> "5.50"."""
    return re.sub(
        r"\b(\d{1,9}) dollars? (?:and )?(\d{1,2}) cents?\b",
        lambda found: f"{found[1]}.{int(found[2]):02}",
        text,
        flags=re.ASCII,
    )

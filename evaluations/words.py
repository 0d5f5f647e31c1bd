"""Words as they are compared: case, punctuation, contractions and the writing of English numbers set aside. Pure."""

import re
from collections.abc import Mapping
from typing import Final


def _list(words: str) -> list[str]:
    return words.split()


_ONES: Final = _list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS: Final = _list("twenty thirty forty fifty sixty seventy eighty ninety")
_VALUES: Final = {
    **{word: value for value, word in enumerate(_ONES)},
    **{word: 10 * value for value, word in enumerate(_TENS, start=2)},
}
_ORDINALS: Final = {
    word: value
    for value, word in enumerate(
        _list(
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
            "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
        ),
        start=1,
    )
} | {"thirtieth": 30}
_SCALES: Final = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_DATES: Final = frozenset(
    _list(
        "january february march april may june july august september october november december monday tuesday "
        "wednesday thursday friday saturday sunday today tomorrow yesterday noon midnight am pm"
    )
)
_CONTRACTIONS: Final = (
    (r"\bwon't\b", "will not"),
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"\blet's\b", "let us"),
    (r"n't\b", " not"),
    (r"'m\b", " am"),
    (r"'re\b", " are"),
    (r"'ll\b", " will"),
    (r"'ve\b", " have"),
    (r"\b(it|that|what|here|there|he|she|who|where)'s\b", r"\1 is"),
)
_WRITTEN: Final = (
    (r"[$](\d+)\.(\d\d)\b", r"\1 dollars and \2 cents"),
    (r"€(\d+)\.(\d\d)\b", r"\1 euros and \2 cents"),
    (r"£(\d+)\.(\d\d)\b", r"\1 pounds and \2 pence"),
    (r"[$](\d+)", r"\1 dollars"),
    (r"€(\d+)", r"\1 euros"),
    (r"£(\d+)", r"\1 pounds"),
    (r"%", " percent "),
    (r"(?<=\d),(?=\d{3}\b)", ""),
    (r"\b(\d+)(?:st|nd|rd|th)\b", r"\1"),
    (r"(?<=\d)(?=[a-z])|(?<=[a-z])(?=\d)", " "),
    (r"\b([ap])\.?\s?m\b\.?", r"\1m"),
)


def normalised_words(text: str) -> list[str]:
    """Words to compare; a number becomes one word a digit, so that "5 5 5", "555" and "five five five" are the same.

    >>> normalised_words("I'd say twenty-five, $12.50!")
    ['i', 'd', 'say', '2', '5', '1', '2', 'dollars', 'and', '5', '0', 'cents']
    """
    text = text.lower().replace("’", "'")
    for pattern, written in _CONTRACTIONS + _WRITTEN:
        text = re.sub(pattern, written, text)
    words = re.findall(r"[^\W_]+", text)
    return [piece for word in _numbers_as_digits(words) for piece in (word if word.isdigit() else [word])]


def entity_words(text: str, facts: Mapping[str, object]) -> set[int]:
    """Positions in `normalised_words(text)` of numbers, names and dates.

    A name is a word with a capital that does not begin a sentence, or any word of a fact that has more than three
    letters.
    """
    names = {word for name in _names(text) for word in normalised_words(name)}
    names |= {word for value in facts.values() for word in normalised_words(str(value)) if len(word) > 3}
    words = normalised_words(text)
    return {at for at, word in enumerate(words) if word.isdigit() or word in names or word in _DATES - {"may"}}


def _names(text: str) -> list[str]:
    found = re.finditer(r"(?<![.!?…]\s)(?<=\s)[A-Z][\w'’-]+", text)
    return [match.group() for match in found if not match.group().startswith(("I'", "I’"))]


def _numbers_as_digits(words: list[str]) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(words):
        value, used = _number(words, at)
        found.append(str(value) if used else words[at])
        at += used or 1
    return found


def _number(words: list[str], at: int) -> tuple[int, int]:
    """The number that begins at `at`, and how many words it takes; (0, 0) where none begins."""
    value, used = _below_hundred(words, at)
    if not used:
        return 0, 0
    total = 0
    while at + used < len(words) and words[at + used] in _SCALES:
        value *= _SCALES[words[at + used]]
        used += 1
        if value >= 1000:
            total, value = total + value, 0
        more, taken = _rest(words, at + used)
        value, used = value + more, used + taken
    return total + value, used


def _rest(words: list[str], at: int) -> tuple[int, int]:
    """What follows a scale: "and five", "twenty"."""
    skipped = 1 if at < len(words) and words[at] == "and" else 0
    value, used = _below_hundred(words, at + skipped)
    return (value, used + skipped) if used else (0, 0)


def _below_hundred(words: list[str], at: int) -> tuple[int, int]:
    word = words[at] if at < len(words) else ""
    if word in _ORDINALS:
        return _ORDINALS[word], 1
    if word not in _VALUES:
        return 0, 0
    after = words[at + 1] if at + 1 < len(words) else ""
    unit = _VALUES.get(after, _ORDINALS.get(after, 0))
    if _VALUES[word] >= 20 and 1 <= unit <= 9:
        return _VALUES[word] + unit, 2
    return _VALUES[word], 1

"""The words of a prompt that ears would not guess: proper names and what is sold. Pure and deterministic.

A name is a word with a capital inside a sentence, in a whole phrase with its neighbours ("Bella Napoli"), or a word
with a digit or a capital inside ("A320", "iPhone"). The first word of a sentence says nothing by its capital. What is
sold is what a line lists after a colon ("Toppings: ham, olives"), the priced items of a list ("- calzone: $9"), and
short quoted phrases. A heading is none of it. Rather a word too few than one too many: ears hear what they are told.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

MAX_KEYWORDS: Final = 60
MAX_CHARS: Final = 40  # of one keyword
# Of all of them: older models read no more than 224 tokens of such a hint.
MAX_TOTAL_CHARS: Final = 500
MAX_PHRASE_WORDS: Final = 4
MAX_ITEM_WORDS: Final = 3

_NOT_WORDS: Final = re.compile(r"https?://\S+|\S+@\S+|\{[^{}]*\}|<[^<>]*>|[*_`]{1,3}")
_BULLET: Final = re.compile(r"^\s*(?:[-•–]|\d{1,2}[.)])\s+")
_TITLES: Final = "".join(rf"(?<!\b{title}\.)" for title in ("Dr", "Mr", "Ms", "St", "Mrs", "Prof"))
# What is quoted begins like a sentence.
_SENTENCE_END: Final = re.compile(rf"(?<=[.!?:;]){_TITLES}\s+|\s+[–—-]\s+|[\"“”«»„]")
_WORD: Final = re.compile(r"[^\W_]+(?:['’&.-][^\W_]+)*")
_QUOTED: Final = re.compile(r"(\w*)\s*[\"“«„]([^\"“”«»„]{2,40})[\"”»“]")
_PRICED: Final = re.compile(r"^([^\d:(–—,]+?)\s*(?:[:(–—,]|\s-\s|[$€£])\s*[^a-z]*\d")
_COUNTED: Final = re.compile(r"[\d.,:]+(?:am|pm|st|nd|rd|th|h|s|ms|min|k|x|%)?", re.IGNORECASE)
_PARTICLES: Final = frozenset(("de", "di", "del", "della", "da", "van", "von", "la", "le", "&"))
_TO_BE_SAID: Final = frozenset(("say", "says", "saying", "ask", "asks", "answer", "reply", "respond", "with", "word"))
_HOW_TO_BE: Final = frozenset(("tone", "style", "manner", "rules", "rule", "steps", "goal", "note", "format", "be"))
# Words that prompts write in capitals without naming anything.
_PLAIN: Final = frozenset((
    "i", "i'm", "i'll", "i've", "i'd", "a", "an", "the", "you", "your", "we", "our", "they", "it", "he", "she",
    "is", "are", "be", "do", "don't", "not", "no", "yes", "never", "always", "must", "only", "all", "any", "and",
    "or", "if", "then", "when", "what", "who", "how", "why", "this", "that", "each", "every", "first", "one", "two",
    "may", "can", "will", "say", "ask", "end", "start", "note", "ok", "okay", "important", "critical", "warning",
    "rules", "rule", "role", "goal", "tone", "style", "task", "step", "steps", "user", "caller", "agent",
    "assistant", "customer", "system", "example", "examples", "monday", "tuesday", "wednesday", "thursday",
    "friday", "saturday", "sunday", "january", "february", "march", "april", "june", "july", "august", "september",
    "october", "november", "december",
))  # fmt: skip


def keywords(*texts: str, own: Iterable[str] = ()) -> tuple[str, ...]:
    """Of these texts, in order of appearance, `own` before them; each once, none longer than `MAX_CHARS`, together no
    more than `MAX_KEYWORDS` and `MAX_TOTAL_CHARS`."""
    kept: list[str] = []
    seen = ""
    room = MAX_TOTAL_CHARS
    for word in (*own, *(found for text in texts for found in _found(text))):
        word = " ".join(word.split())
        is_known = f" {word.lower()} " in seen  # alone or as a part of a phrase
        if not word or is_known or len(word) > min(MAX_CHARS, room) or len(kept) == MAX_KEYWORDS:
            continue
        seen += f" {word.lower()} ,"
        kept.append(word)
        room -= len(word) + 2  # as they are joined: ", "
    return tuple(kept)


def _found(text: str) -> Iterator[str]:
    text = _NOT_WORDS.sub(" ", text)
    lower = frozenset(word for word in _WORD.findall(text) if word.islower())
    for line in text.splitlines():
        if _is_heading(line):
            continue
        item = _BULLET.sub("", line)
        if item != line and (priced := _PRICED.match(item)):
            yield from _items([priced.group(1)])
        yield from _listed(item)
        yield from (quoted.group(2) for quoted in _QUOTED.finditer(item) if _is_product(quoted))
        for sentence in _SENTENCE_END.split(item):
            yield from _names(sentence, lower)


def _is_heading(line: str) -> bool:
    line = line.strip()
    return line.startswith("#") or line.endswith(":") or (line.isupper() and len(line.split()) > 1)


# --- What is sold -----------------------------------------------------------------------------------------------------
def _listed(line: str) -> Iterator[str]:
    label, colon, listed = line.partition(":")
    parts = re.split(r",\s*(?:and\s+|or\s+)?|\s+and\s+|\s+or\s+", listed.strip().rstrip("."))
    if not colon or len(parts) < 3 or (set(label.lower().split()) & _HOW_TO_BE):
        return
    if all(len(part.split()) <= MAX_ITEM_WORDS for part in parts):
        yield from _items(parts)


def _items(parts: list[str]) -> Iterator[str]:
    for part in parts:
        words = [word for word in _WORD.findall(part) if not _COUNTED.fullmatch(word)]
        if words and len(words) <= MAX_ITEM_WORDS and not all(word.lower() in _PLAIN for word in words):
            yield " ".join(words)


def _is_product(quoted: re.Match[str]) -> bool:
    before, phrase = quoted.group(1), quoted.group(2)
    is_short = len(phrase.split()) <= MAX_ITEM_WORDS and phrase[-1] not in ".!?,"
    return is_short and before.lower() not in _TO_BE_SAID and bool(_WORD.fullmatch(phrase.split()[0]))


# --- Names ------------------------------------------------------------------------------------------------------------
def _names(sentence: str, lower: frozenset[str]) -> Iterator[str]:
    phrase: list[str] = []
    end = 0
    for index, match in enumerate(_WORD.finditer(sentence)):
        word, gap = re.sub(r"['’]s$", "", match.group()), sentence[end : match.start()]
        end = match.end()
        if phrase and (gap.strip() not in ("", "&", ".") or len(phrase) == MAX_PHRASE_WORDS):
            yield from _phrase(phrase)
            phrase = []
        if gap.strip() == "&" and phrase:
            phrase.append("&")
        if _is_name(word, lower, is_first=index == 0) or (phrase and word in _PARTICLES):
            phrase.append(word)
        else:
            yield from _phrase(phrase)
            phrase = []
        if word != match.group():
            yield from _phrase(phrase)
            phrase = []
    yield from _phrase(phrase)


def _phrase(words: list[str]) -> Iterator[str]:
    while words and words[-1] in _PARTICLES:
        words.pop()
    if words:
        yield " ".join(words)


def _is_name(word: str, lower: frozenset[str], *, is_first: bool) -> bool:
    if word.lower() in _PLAIN or _COUNTED.fullmatch(word) or len(word) < 2:
        return False
    if any(letter.isdigit() for letter in word) or not word[1:].islower():
        return not word.isdigit() and (len(word) <= 5 or not word.isupper()) and word.lower() not in lower
    return word[0].isupper() and not is_first and word.lower() not in lower

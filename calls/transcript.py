"""A turn as the transcript shows it: words that can be clicked, what was not heard, what was found."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from calls.models import Call, Turn

SPACES = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Mark:
    """A quote in a turn: "bad" with the finding's number, or "ref" for what a finding refers to."""

    quote: str
    kind: str = "bad"
    number: int = 0


@dataclass(frozen=True, slots=True)
class ShownWord:
    text: str
    at_ms: int
    heard: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that are shown alike."""

    words: list[ShownWord]
    heard: bool = True
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class ShownTurn:
    index: int
    side: str
    name: str
    start_ms: int
    end_ms: int
    pieces: list[Piece]
    translation: str = ""
    translation_language: str = ""
    language: str = ""
    is_final: bool = True
    was_cut: bool = False
    reply_ms: float | None = None
    is_first_word: bool = False
    notes: list[str] = field(default_factory=list)
    is_bad: bool = False


def caller_name(call: Call) -> str:
    """How the pages call the caller's side: "Dana" for the persona "Dana, in a hurry"."""
    return call.persona.name.split(",")[0].strip() if call.persona else "Caller"


def side_name(side: str, caller: str) -> str:
    return {"caller": caller, "agent": "Agent"}.get(side, "Speaker")


def shown_turn(turn: Turn, caller: str, marks: Sequence[Mark] = ()) -> ShownTurn:
    return ShownTurn(
        index=turn.index,
        side=turn.side,
        name=side_name(turn.side, caller),
        start_ms=turn.start_ms,
        end_ms=turn.end_ms,
        pieces=pieces_of(timed_words(turn), marks),
        translation=turn.translation,
        translation_language=turn.translation_language,
        language=turn.language,
        is_final=turn.is_final,
        was_cut=turn.was_cut,
        is_bad=any(mark.kind == "bad" for mark in marks),
    )


def partial_turn(side: str, index: int, text: str, start_ms: int, caller: str) -> ShownTurn:
    """A turn that is still being spoken: its text may change."""
    words = [ShownWord(word, start_ms) for word in text.split()]
    name = caller if side == "caller" else "Agent"
    return ShownTurn(index, side, name, start_ms, start_ms, [Piece(words)], is_final=False)


def timed_words(turn: Turn) -> list[ShownWord]:
    """The words with their times; where the provider gave none, spread over the turn by their place in the text."""
    heard = len(turn.text.split()) if turn.heard is None else len(turn.heard.split())
    if turn.words:
        known = [(str(word["text"]), int(word["start_ms"])) for word in turn.words]
    else:
        span, size = turn.end_ms - turn.start_ms, max(1, len(turn.text))
        known = [(m[0], turn.start_ms + span * m.start() // size) for m in SPACES.finditer(turn.text)]
    return [ShownWord(text, at_ms, number < heard) for number, (text, at_ms) in enumerate(known)]


def pieces_of(words: Sequence[ShownWord], marks: Iterable[Mark]) -> list[Piece]:
    """The words cut wherever a mark or what was heard begins or ends. Where marks overlap the first one holds."""
    marked: dict[int, Mark] = {}
    for mark in marks:
        for position in _positions([_bare(word.text) for word in words], mark.quote):
            marked.setdefault(position, mark)
    numbered = groupby(enumerate(words), key=lambda item: (item[1].heard, marked.get(item[0])))
    return [Piece([word for _, word in group], heard, mark) for (heard, mark), group in numbered]


def _positions(words: Sequence[str], quote: str) -> range:
    """Where the quote's words stand, whatever their punctuation and case; empty if they are not there."""
    wanted = [bare for word in quote.split() if (bare := _bare(word))]
    for first in range(len(words) - len(wanted) + 1 if wanted else 0):
        if list(words[first : first + len(wanted)]) == wanted:
            return range(first, first + len(wanted))
    return range(0)


def _bare(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())

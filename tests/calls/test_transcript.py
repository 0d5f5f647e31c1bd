import pytest

from calls.badges import call_badge
from calls.models import Turn
from calls.states import Status
from calls.strips import MAX_BARS, strip
from calls.transcript import Mark, partial_turn, shown_turn


def turn(text: str, **changes: object) -> Turn:
    return Turn(index=0, side="agent", text=text, start_ms=1000, end_ms=2000, **changes)


def texts(shown_pieces: object) -> list[str]:
    assert isinstance(shown_pieces, list)
    return [" ".join(word.text for word in piece.words) for piece in shown_pieces]


def test_words_without_times_are_spread_over_the_turn() -> None:
    words = shown_turn(turn("one two three"), "Dana").pieces[0].words
    assert [(word.text, word.at_ms) for word in words] == [("one", 1000), ("two", 1307), ("three", 1615)]


def test_known_times_are_kept() -> None:
    known = [{"text": "Hi,", "start_ms": 1100, "end_ms": 1200}, {"text": "Dana", "start_ms": 1500, "end_ms": 1900}]
    words = shown_turn(turn("Hi, Dana", words=known), "Dana").pieces[0].words
    assert [word.at_ms for word in words] == [1100, 1500]


def test_what_was_not_heard_of_a_cut_turn_stands_apart() -> None:
    shown = shown_turn(turn("I do have a table", heard="I do"), "Dana")
    assert texts(shown.pieces) == ["I do", "have a table"]
    assert [piece.heard for piece in shown.pieces] == [True, False]
    assert shown.was_cut


def test_a_quote_is_found_whatever_its_case_and_punctuation() -> None:
    shown = shown_turn(turn("Confirmed, Dana. A table for four, inside."), "Dana", [Mark("a table for four", "bad", 1)])
    assert texts(shown.pieces) == ["Confirmed, Dana.", "A table for four,", "inside."]
    assert shown.pieces[1].mark == Mark("a table for four", "bad", 1)
    assert shown.is_bad


@pytest.mark.parametrize(
    "quote", ["", "...", "words that are not there", "A table for four, inside. And more than that"]
)
def test_a_quote_that_is_not_there_marks_nothing(quote: str) -> None:
    assert texts(shown_turn(turn("A table for four, inside."), "Dana", [Mark(quote)]).pieces) == [
        "A table for four, inside."
    ]


def test_an_unfinished_turn_is_not_final() -> None:
    shown = partial_turn("caller", 3, "I would like", 4000, "Dana")
    assert (shown.name, shown.is_final, texts(shown.pieces)) == ("Dana", False, ["I would like"])


def test_every_status_has_a_word() -> None:
    assert len({call_badge(status).word for status in Status}) == len(Status)
    assert call_badge("completed", "running").word == "Scoring"
    assert call_badge("completed", "done", "pass").kind == "pass"
    assert call_badge("no-answer", "done", "not applicable").word == "No answer"


def test_a_strip_spans_its_turns() -> None:
    bars = strip([("agent", 0, 500), ("caller", 500, 1000)])
    assert [(bar.side, bar.x, bar.width) for bar in bars] == [("agent", "0.0%", "50.0%"), ("caller", "50.0%", "50.0%")]
    assert strip([]) == []


def test_a_strip_of_a_long_call_has_bars_that_can_be_told_apart() -> None:
    turns = [("caller" if n % 2 else "agent", 1000 * n, 1000 * n + 900) for n in range(1000)]
    assert len(strip(turns)) <= MAX_BARS

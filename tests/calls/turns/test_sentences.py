"""Sentences out of a stream of text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.turns.sentences import LONG_CHARS, SentenceCutter


def cut(*pieces: str) -> list[str]:
    cutter = SentenceCutter()
    return [sentence for piece in pieces for sentence in cutter.push(piece)] + cutter.flush()


def test_a_sentence_is_given_as_soon_as_the_next_one_begins() -> None:
    cutter = SentenceCutter()
    assert cutter.push("Hello there") == []
    assert cutter.push(".") == []
    assert cutter.push(" How") == ["Hello there."]
    assert cutter.flush() == ["How"]


@pytest.mark.parametrize(
    "text",
    ["That is $6.50 in all.", "Ask for Mr. Smith at No. 5.", "J. R. Doe called."],
)
def test_a_point_inside_a_sentence_does_not_cut_it(text: str) -> None:
    assert cut(text) == [text]


def test_closing_quotes_belong_to_their_sentence() -> None:
    assert cut("She said “yes.” Then she left!") == ["She said “yes.”", "Then she left!"]


def test_a_sentence_too_long_to_wait_for_is_spoken_to_its_last_comma() -> None:
    text = "one, " * (LONG_CHARS // 5 + 5)
    first = cut(text)[0]
    assert first.endswith(",")
    assert len(first) <= LONG_CHARS


@given(st.lists(st.text(max_size=60), max_size=8))
def test_no_word_is_lost_however_the_text_is_cut_into_pieces(pieces: list[str]) -> None:
    assert " ".join(cut(*pieces)).split() == "".join(pieces).split()

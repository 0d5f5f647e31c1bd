import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations.words import entity_words, normalised_words


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Twenty-five, please!", "25 please"),
        ("five five five one two", "555 12"),
        ("one hundred and five", "105"),
        ("two thousand twenty six", "2026"),
        ("The total is $12.50.", "the total is twelve dollars and fifty cents"),
        ("I'm sure you don't", "i am sure you do not"),
        ("May 3rd at 7:30 p.m.", "may third at seven thirty PM"),
        ("one million two hundred thousand and one", "1,200,001"),
    ],
)
def test_ways_of_writing_the_same_words_compare_as_equal(left: str, right: str) -> None:
    assert normalised_words(left) == normalised_words(right)


def test_different_numbers_stay_different() -> None:
    assert normalised_words("twelve fifty") != normalised_words("twelve fifteen")


def test_names_numbers_and_dates_are_entities() -> None:
    text = "Hi, my name is Dana Smith and I'd like two Burgers on Monday."
    words = normalised_words(text)
    assert [words[at] for at in sorted(entity_words(text, {}))] == ["dana", "smith", "2", "burgers", "monday"]


def test_the_words_of_a_fact_are_entities() -> None:
    assert entity_words("extra onions", {"wish": "extra onions"}) == {0, 1}


@given(st.text())
def test_any_text_has_words_without_error(text: str) -> None:
    words = normalised_words(text)
    assert entity_words(text, {}) <= set(range(len(words)))

"""How much of a reply was heard."""

from hypothesis import given
from hypothesis import strategies as st

from calls.reply import Reply, Sentence

REPLY = Reply(sentences=[Sentence("One two.", 0, 8_000, True), Sentence("Three four five.", 8_000, 24_000, True)])


def test_nothing_is_heard_before_it_begins_and_all_of_it_at_its_end() -> None:
    assert REPLY.heard(0) == ""
    assert REPLY.heard(24_000) == REPLY.text == "One two. Three four five."


def test_a_word_counts_once_it_was_played_to_its_end() -> None:
    assert REPLY.heard(8_000) == "One two."
    assert REPLY.heard(8_000 + 5_100) == "One two. Three"


def test_a_sentence_still_being_synthesized_is_not_taken_for_shorter_than_it_will_be() -> None:
    sentence = Sentence("A sentence of some forty letters or so.", 0, 1_600, is_complete=False)
    assert len(sentence.heard(1_600)) < 10


@given(st.integers(0, 30_000))
def test_heard_and_rest_make_up_the_whole(now: int) -> None:
    assert f"{REPLY.heard(now)} {REPLY.rest(now)}".strip() == REPLY.text


def test_word_times_lie_within_their_sentence() -> None:
    words = REPLY.words()
    assert [word.text for word in words] == ["One", "two.", "Three", "four", "five."]
    assert words[0].start_ms == 0
    assert words[1].end_ms == 1_000
    assert words[-1].end_ms == 3_000

from hypothesis import given
from hypothesis import strategies as st

from calls.states import Side
from evaluations.floor import PAUSE_MS, TURN_GAP_MS, Floor, Segments, floor_of, overlap_ms
from evaluations.metrics.registry import measure_all
from evaluations.record import CallRecord, Segment

A, C = Side.AGENT, Side.CALLER


def segs(*pairs: tuple[int, int]) -> Segments:
    return tuple(Segment(*pair) for pair in pairs)


@st.composite
def speech(draw: st.DrawFn) -> Segments:
    """Segments as the finder makes them: in order, pauses of at least 200 ms."""
    found, at = [], 0
    for gap, length in draw(st.lists(st.tuples(st.integers(20, 400), st.integers(5, 500)), max_size=10)):
        start = at + gap * 10
        at = start + length * 10
        found.append(Segment(start, at))
    return tuple(found)


def test_a_pause_within_an_utterance_does_not_end_the_turn() -> None:
    talk = floor_of(segs((0, 1000), (1400, 3000), (4400, 5000)), ())
    assert [(t.start_ms, t.end_ms) for t in talk.utterances[C]] == [(0, 3000), (4400, 5000)]
    assert [(t.start_ms, t.end_ms) for t in talk.turns[C]] == [(0, 5000)]


def test_a_long_silence_ends_the_turn() -> None:
    assert len(floor_of(segs((0, 1000), (1000 + TURN_GAP_MS, 4000)), ()).turns[C]) == 2


def test_the_other_sides_words_in_between_end_the_turn() -> None:
    assert len(floor_of(segs((0, 1000), (2100, 4000)), segs((1200, 1900))).turns[C]) == 2


def test_a_short_sound_under_which_the_speaker_goes_on_is_a_backchannel() -> None:
    talk = floor_of(segs((0, 5000), (6000, 7000)), segs((2000, 2400), (5400, 5800)))
    assert [b.start_ms for b in talk.backchannels[A]] == [2000]
    assert talk.interruptions(A) == ()
    assert len(talk.turns[A]) == 1


def test_a_short_sound_in_a_pause_of_the_speaker_is_a_backchannel() -> None:
    talk = floor_of(segs((0, 2000), (2500, 5000)), segs((1900, 2300)))
    assert len(talk.backchannels[A]) == 1
    assert len(talk.turns[C]) == 1


def test_a_short_answer_that_begins_just_before_the_end_is_a_turn() -> None:
    talk = floor_of(segs((2900, 3400)), segs((0, 3000), (4200, 6000)))
    assert talk.backchannels[C] == ()
    assert [reply.delay_ms for reply in talk.replies(A)] == [800]


def test_an_interruption_needs_300_ms_on_both_counts() -> None:
    assert len(floor_of(segs((0, 3000)), segs((2700, 5000))).interruptions(A)) == 1
    assert len(floor_of(segs((0, 3000)), segs((2710, 5000))).interruptions(A)) == 0


def test_speaking_up_in_a_pause_for_thought_is_an_interruption_if_the_speaker_goes_on() -> None:
    talk = floor_of(segs((0, 2000), (2500, 4500)), segs((2300, 5000)))
    assert len(talk.interruptions(A)) == 1
    assert [reply.delay_ms for reply in talk.replies(A)] == [-2200]


def test_an_early_reply_counts_as_negative() -> None:
    assert [r.delay_ms for r in floor_of(segs((1000, 3000)), segs((2900, 5000))).replies(A)] == [-100]


def test_a_turn_that_was_talked_over_throughout_has_no_reply() -> None:
    talk = floor_of(segs((2000, 3500)), segs((0, 8000), (9000, 9900)))
    assert talk.replies(A) == ()
    assert [i.stop_ms for i in talk.interruptions(C)] == [None]


def test_the_stop_time_runs_from_the_interruption_to_the_silence() -> None:
    talk = floor_of(segs((2000, 4000)), segs((0, 1000), (1300, 2350), (5000, 7000)))
    assert [i.stop_ms for i in talk.interruptions(C)] == [350]


def test_a_stop_later_than_two_seconds_is_talking_over() -> None:
    assert floor_of(segs((2000, 9000)), segs((0, 4010))).interruptions(C)[0].stop_ms is None
    assert floor_of(segs((2000, 9000)), segs((0, 4000))).interruptions(C)[0].stop_ms == 2000


@given(speech(), speech())
def test_swapping_the_sides_swaps_everything(caller: Segments, agent: Segments) -> None:
    talk, swapped = floor_of(caller, agent), floor_of(agent, caller)
    for side in Side:
        assert _shape(talk, side) == _shape(swapped, side.other)


@given(speech(), speech(), st.integers(0, 100_000))
def test_a_shift_in_time_shifts_everything(caller: Segments, agent: Segments, by_ms: int) -> None:
    def shifted(segments: Segments) -> Segments:
        return tuple(Segment(each.start_ms + by_ms, each.end_ms + by_ms) for each in segments)

    talk, later = floor_of(caller, agent), floor_of(shifted(caller), shifted(agent))
    for side in Side:
        assert [(s + by_ms, e + by_ms) for s, e in _shape(talk, side)[1]] == _shape(later, side)[1]
        assert _shape(talk, side)[2:] == _shape(later, side)[2:]


@given(speech(), speech())
def test_speech_is_neither_lost_nor_doubled(caller: Segments, agent: Segments) -> None:
    talk = floor_of(caller, agent)
    for side, given_segments in ((C, caller), (A, agent)):
        assert tuple(s for u in talk.utterances[side] for s in u.segments) == given_segments
        parts = [s for t in talk.turns[side] + talk.backchannels[side] for s in t.segments]
        assert sorted(parts, key=lambda s: s.start_ms) == list(given_segments)
        for before, after in zip(talk.utterances[side], talk.utterances[side][1:], strict=False):
            assert after.start_ms - before.end_ms >= PAUSE_MS


@given(speech(), speech())
def test_a_reply_belongs_to_one_turn_and_comes_before_the_next(caller: Segments, agent: Segments) -> None:
    talk = floor_of(caller, agent)
    replies = talk.replies(A)
    assert len({reply.utterance.start_ms for reply in replies}) == len(replies)
    for reply in replies:
        next_ms = talk.next_turn_ms(reply.turn)
        assert next_ms is None or reply.utterance.start_ms < next_ms
        assert reply.utterance.end_ms > reply.turn.end_ms


@given(speech(), speech())
def test_an_interruption_overlaps_the_turn_that_it_interrupts(caller: Segments, agent: Segments) -> None:
    talk = floor_of(caller, agent)
    for found in talk.interruptions(C) + talk.interruptions(A):
        assert overlap_ms(found.utterance.segments, found.turn.segments) >= 300
        assert found.turn.end_ms - found.utterance.start_ms >= 300
        assert found.stop_ms is None or 0 <= found.stop_ms <= 2000


@given(speech(), speech())
def test_every_figure_can_be_made_of_any_call(caller: Segments, agent: Segments) -> None:
    end_ms = max([s.end_ms for s in caller + agent], default=0)
    for figure in measure_all(CallRecord(duration_ms=end_ms + 500, caller=caller, agent=agent)):
        assert figure.reading.value is not None or figure.reading.note
        assert set(figure.reading.parts) <= set(figure.metric.parts)
        for where in figure.reading.occurrences:
            assert 0 <= where.start_ms <= where.end_ms <= end_ms + 500


def _shape(talk: Floor, side: Side) -> tuple[object, list[tuple[int, int]], object, object]:
    return (
        [(u.start_ms, u.end_ms) for u in talk.backchannels[side]],
        [(t.start_ms, t.end_ms) for t in talk.turns[side]],
        [r.delay_ms for r in talk.replies(side)],
        [(i.stop_ms, i.own_turn.duration_ms) for i in talk.interruptions(side)],
    )

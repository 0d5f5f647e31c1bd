"""The playout clock, against a queue that is played sample by sample."""

from hypothesis import given
from hypothesis import strategies as st

from calls.playback import Playback

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("play"), st.integers(1, 400)),
        st.tuples(st.just("wait"), st.integers(1, 400)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS)
def test_what_is_rendered_is_what_a_queue_would_have_played(steps: list[tuple[str, int]]) -> None:
    playback, queue, now, expected, tone = Playback(), bytearray(), 0, bytearray(), 0
    for step, amount in steps:
        if step == "play":
            tone = (tone + 1) % 250
            playback.queue(bytes([tone]) * amount, now)
            queue += bytes([tone]) * amount
        elif step == "clear":
            playback.clear(now)
            queue.clear()
        else:
            played = bytes(queue[:amount])
            expected += played + b"\xff" * (amount - len(played))
            del queue[:amount]
            now += amount
    assert playback.render(now) == bytes(expected)
    assert playback.is_playing(now) == bool(queue)


def test_rendering_in_parts_gives_the_same_as_at_once() -> None:
    playback = Playback()
    playback.queue(b"\x01" * 100, 50)
    assert playback.render(80) + playback.render(400) == b"\xff" * 50 + b"\x01" * 100 + b"\xff" * 250


def test_a_mark_that_returns_late_is_the_drift() -> None:
    playback = Playback()
    playback.queue(b"\x01" * 800, 0)
    playback.mark("a")
    assert playback.awaits("a")
    assert playback.confirm("a", 1_600)
    assert playback.drift_ms == 100


def test_marks_that_nobody_awaits_are_ignored() -> None:
    playback = Playback()
    playback.queue(b"\x01" * 800, 0)
    playback.mark("a")
    playback.clear(100)
    assert not playback.confirm("a", 100)
    assert not playback.confirm("never sent", 100)
    assert playback.drift_ms == 0

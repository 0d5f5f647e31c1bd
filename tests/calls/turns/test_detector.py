"""Turns out of speech probabilities, on counted windows."""

from hypothesis import given
from hypothesis import strategies as st

from calls.turns.detector import (
    Signal,
    SpeechBegan,
    SpeechPaused,
    SpeechResumed,
    TurnDetector,
    TurnEnded,
    TurnRules,
)

WINDOW_MS = 32


def detect(*stretches: tuple[int, float], rules: TurnRules | None = None) -> list[Signal]:
    detector = TurnDetector(rules or TurnRules(), window_ms=WINDOW_MS)
    return [signal for ms, p in stretches for _ in range(ms // WINDOW_MS) for signal in detector.push(p)]


def test_a_turn_begins_with_its_first_window_and_ends_with_its_last() -> None:
    assert detect((320, 0), (640, 1), (960, 0)) == [SpeechBegan(320), SpeechPaused(960), TurnEnded(320, 960)]


def test_a_click_is_no_turn() -> None:
    assert detect((320, 0), (64, 1), (960, 0)) == []


def test_a_short_pause_does_not_end_the_turn() -> None:
    signals = detect((640, 1), (480, 0), (320, 1), (960, 0))
    assert signals == [SpeechBegan(0), SpeechPaused(640), SpeechResumed(1120), SpeechPaused(1440), TurnEnded(0, 1440)]


def test_speech_goes_on_through_windows_that_would_not_begin_it() -> None:
    assert detect((320, 0.9), (320, 0.4), (960, 0)) == [SpeechBegan(0), SpeechPaused(640), TurnEnded(0, 640)]
    assert detect((960, 0.4)) == []


def test_a_turn_without_end_is_ended_at_its_longest() -> None:
    rules = TurnRules(max_turn_ms=3_200)
    assert detect((6_400, 1), rules=rules)[:2] == [SpeechBegan(0), TurnEnded(0, 3_200)]


def test_the_end_of_the_audio_ends_the_turn() -> None:
    detector = TurnDetector(TurnRules(), window_ms=WINDOW_MS)
    for _ in range(10):
        detector.push(1.0)
    assert detector.finish() == [TurnEnded(0, 320)]
    assert detector.finish() == []


@given(st.lists(st.floats(0, 1), max_size=400))
def test_signals_alternate_and_never_go_back_in_time(probabilities: list[float]) -> None:
    detector = TurnDetector(TurnRules(), window_ms=WINDOW_MS)
    signals = [signal for p in probabilities for signal in detector.push(p)] + detector.finish()
    speaking, last_ms = False, 0
    for signal in signals:
        if isinstance(signal, SpeechBegan):
            assert not speaking
            assert signal.at_ms >= last_ms
        else:
            assert speaking
        speaking = not isinstance(signal, TurnEnded)
        last_ms = signal.end_ms if isinstance(signal, TurnEnded) else last_ms
    assert not speaking

"""Segments of synthesized speech placed at known times.

The truth is what the clean sample is by the definition of docs/measures.md, found by other means than the code's (those
of the benchmark), with the sample's natural fades. Edges are compared by utterance, as reply and stop times are made of
them: whether a pause of 195 or 205 ms is one or none hangs on the grid.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest

from agents.ports import Samples
from agents.providers.registry import make_activity, make_voice
from agents.providers.scripted import ScriptedActivity
from bench._synthetic_calls import true_spans
from calls.audio.resample import resample
from calls.states import Side
from evaluations.floor import Stretch, floor_of
from evaluations.record import Segment
from evaluations.segments import speech_segments

SENTENCES: Final = (
    "Hello, this is Burger Bot, what would you like to order today?",
    "I would like two cheeseburgers and a large coke please.",
    "Yes please.",
    "Your total is twelve dollars and fifty cents.",
    "My name is Dana Smith, and I live at forty two Park Street.",
    "No, that's all. Thank you.",
    "Sure, what size of fries would you like with that?",
)


def tone(*spans: tuple[int, int], seconds: int = 4) -> Samples:
    samples = np.zeros(8000 * seconds, np.int16)
    for start_ms, end_ms in spans:
        at = np.arange(start_ms * 8, end_ms * 8)
        samples[at] = 8000 * np.sin(at * 0.5)
    return samples


def found(samples: Samples) -> list[tuple[int, int]]:
    return [(each.start_ms, each.end_ms) for each in speech_segments(samples, ScriptedActivity())]


def test_the_edges_are_snapped_to_five_milliseconds() -> None:
    assert found(tone((1003, 2007))) == [(1000, 2010)]


def test_a_sound_that_reaches_on_without_a_break_is_kept_whole_however_late_the_detector_is() -> None:
    class Late(ScriptedActivity):
        def probabilities(self, samples: Samples) -> npt.NDArray[np.float32]:
            heard = super().probabilities(samples)
            heard[:46] = 0  # 1472 ms: later than a sound apart from the span is looked for
            return heard

    assert speech_segments(tone((1000, 2000), seconds=6), Late()) == (Segment(1000, 2000),)
    assert speech_segments(tone((1000, 1150), (1350, 2000), seconds=6), Late()) == (Segment(1350, 2000),)


def test_a_pause_shorter_than_200_ms_does_not_end_a_segment() -> None:
    assert found(tone((1000, 1500), (1690, 2000))) == [(1000, 2000)]
    assert found(tone((1000, 1500), (1700, 2000))) == [(1000, 1500), (1700, 2000)]


def test_silence_has_no_segments() -> None:
    assert found(np.zeros(8000, np.int16)) == []
    assert found(np.zeros(0, np.int16)) == []


class Everywhere(ScriptedActivity):
    """Takes all for speech."""

    def probabilities(self, samples: Samples) -> npt.NDArray[np.float32]:
        return np.ones(len(samples) // self.window_samples, np.float32)


def test_a_recording_that_is_speech_from_end_to_end_is_one_segment() -> None:
    assert speech_segments(tone((0, 2000), seconds=2), Everywhere()) == (Segment(0, 2000),)


def test_no_sound_in_the_telephone_band_is_no_speech_whatever_the_detector_says() -> None:
    assert speech_segments(np.zeros(8000, np.int16), Everywhere()) == ()


def test_loud_noise_that_the_detector_does_not_take_for_speech_is_none() -> None:
    class Deaf(ScriptedActivity):
        def probabilities(self, samples: Samples) -> npt.NDArray[np.float32]:
            return np.zeros(len(samples) // self.window_samples, np.float32)

    assert speech_segments(tone((0, 4000)), Deaf()) == ()


def test_the_detector_flickers_but_the_segment_does_not() -> None:
    class Flickering(ScriptedActivity):
        def probabilities(self, samples: Samples) -> npt.NDArray[np.float32]:
            heard = super().probabilities(samples)
            heard[40:44] *= 0.4  # above where a span closes, below where one opens
            return heard

    assert speech_segments(tone((1000, 2000)), Flickering()) == (Segment(1000, 2000),)


# --- Against the truth ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def voices() -> list[Samples]:
    async def speak(text: str) -> Samples:
        pieces = [audio async for audio in make_voice("hibari:heart").synthesize(text)]
        whole = np.concatenate([piece.samples for piece in pieces])
        return resample(whole, pieces[0].sample_rate_hz, 8000)

    async def all_of_them() -> list[Samples]:
        return [await speak(text) for text in SENTENCES]

    return asyncio.run(all_of_them())


def placed(voices: list[Samples], snr_db: float | None, seed: int) -> tuple[Samples, list[Segment]]:
    """One channel with the sentences at random times (to the sample), and the truth."""
    random = np.random.default_rng(seed)
    channel, truth = np.zeros(0), []
    for voice in voices:
        channel = np.append(channel, np.zeros(random.integers(6000, 20000)))
        at_ms = len(channel) / 8
        truth += [Segment(round(at_ms + start), round(at_ms + end)) for start, end in true_spans(voice)]
        channel = np.append(channel, voice)
    channel = np.append(channel, np.zeros(8000))
    if snr_db is not None:
        level = np.concatenate(voices).astype(float).std()
        channel += random.standard_normal(len(channel)) * level * 10 ** (-snr_db / 20)
    return np.clip(channel, -32768, 32767).astype(np.int16), truth


def utterances(segments: Sequence[Segment]) -> tuple[Stretch, ...]:
    return floor_of(tuple(segments), ()).utterances[Side.CALLER]


def errors_ms(voices: list[Samples], snr_db: float | None) -> npt.NDArray[np.float64]:
    """The distance of each true edge of an utterance to the nearest one found, over three calls."""
    errors = []
    for seed in (1, 2, 3):
        channel, truth = placed(voices, snr_db, seed)
        heard = utterances(speech_segments(channel, make_activity("silero")))
        for true in utterances(truth):
            errors.append(min(abs(each.start_ms - true.start_ms) for each in heard))
            errors.append(min(abs(each.end_ms - true.end_ms) for each in heard))
    return np.array(errors, np.float64)


@pytest.mark.parametrize(
    ("snr_db", "p95_ms", "worst_ms"), [(None, 20, 50), (20, 20, 50), (10, 60, 80)], ids=["clean", "20 dB", "10 dB"]
)
def test_speech_is_found_where_it_is(
    voices: list[Samples], snr_db: float | None, p95_ms: float, worst_ms: float
) -> None:
    errors = errors_ms(voices, snr_db)
    assert len(errors) >= 28
    assert np.percentile(errors, 95) <= p95_ms
    assert errors.max() <= worst_ms


@pytest.mark.parametrize("snr_db", [None, 20], ids=["clean", "20 dB"])
def test_as_many_utterances_are_found_as_were_spoken(voices: list[Samples], snr_db: float | None) -> None:
    channel, truth = placed(voices, snr_db, seed=4)
    assert len(utterances(speech_segments(channel, make_activity("silero")))) == len(utterances(truth))

"""Segments of synthesized speech placed at known times.

The truth is the clean sample's own energy, found here by other means than the code's: the first and the last 10 ms
within 25 dB of the sample's loud parts, pauses of 200 ms cut out. Edges are compared by utterance, as reply and stop
times are made of them: whether a pause of 195 or 205 ms is one or none hangs on the grid of 10 ms.
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


def test_the_edges_are_snapped_to_ten_milliseconds() -> None:
    assert found(tone((1003, 2007))) == [(1000, 2010)]


def test_a_pause_shorter_than_200_ms_does_not_end_a_segment() -> None:
    assert found(tone((1000, 1500), (1690, 2000))) == [(1000, 2000)]
    assert found(tone((1000, 1500), (1700, 2000))) == [(1000, 1500), (1700, 2000)]


def test_silence_has_no_segments() -> None:
    assert found(np.zeros(8000, np.int16)) == []
    assert found(np.zeros(0, np.int16)) == []


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


def edges_of(clean: Samples) -> list[Segment]:
    steps = clean[: len(clean) // 80 * 80].reshape(-1, 80).astype(float)
    level_db = 10 * np.log10(steps.var(axis=1) + 1)
    spoken = np.flatnonzero(level_db > np.percentile(level_db, 95) - 25) * 10
    breaks = np.flatnonzero(np.diff(spoken) > 200)
    starts, ends = np.append(spoken[0], spoken[breaks + 1]), np.append(spoken[breaks], spoken[-1]) + 10
    return [Segment(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def placed(voices: list[Samples], snr_db: float | None, seed: int) -> tuple[Samples, list[Segment]]:
    """One channel with the sentences at random times (to the sample), and the truth."""
    random = np.random.default_rng(seed)
    channel, truth = np.zeros(0), []
    for voice in voices:
        channel = np.append(channel, np.zeros(random.integers(6000, 20000)))
        truth += [Segment(e.start_ms + len(channel) // 8, e.end_ms + len(channel) // 8) for e in edges_of(voice)]
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
    ("snr_db", "p95_ms", "worst_ms"), [(None, 20, 50), (20, 30, 90), (10, 85, 150)], ids=["clean", "20 dB", "10 dB"]
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

"""Lost packets in what is measured."""

import numpy as np
import pytest

from agents.ports import Samples
from agents.providers.scripted import ScriptedActivity
from evaluations.gaps import bridged
from evaluations.record import Segment
from evaluations.segments import speech_segments


def noise(ms: int, seed: int = 1) -> Samples:
    """Without a 0 in it."""
    samples = np.random.default_rng(seed).normal(0, 3000, ms * 8).astype(np.int16)
    samples[samples == 0] = 1
    return samples


def with_gap(start_ms: int, end_ms: int, ms: int = 1000) -> Samples:
    samples = noise(ms)
    samples[start_ms * 8 : end_ms * 8] = 0
    return samples


@pytest.mark.parametrize("lost_ms", [20, 40, 60])
def test_up_to_three_lost_packets_are_filled_as_loud_as_what_is_around_them(lost_ms: int) -> None:
    filled = bridged(with_gap(400, 400 + lost_ms))
    level = np.sqrt(np.square(filled[3200 : 3200 + lost_ms * 8].astype(float)).mean())
    assert level == pytest.approx(3000, rel=0.2)


def test_nothing_but_the_gap_is_changed() -> None:
    lost = with_gap(400, 420)
    filled = bridged(lost)
    assert np.array_equal(np.delete(filled, np.arange(3200, 3360)), np.delete(lost, np.arange(3200, 3360)))
    assert not lost[3200:3360].any()


@pytest.mark.parametrize(("start_ms", "end_ms"), [(400, 410), (400, 470), (0, 20), (980, 1000)])
def test_silence_of_another_length_or_at_an_end_of_the_recording_stays(start_ms: int, end_ms: int) -> None:
    samples = with_gap(start_ms, end_ms)
    assert bridged(samples) is samples


@pytest.mark.parametrize("length", [0, 1, 160, 300])
def test_a_silent_recording_of_any_length_stays(length: int) -> None:
    assert not bridged(np.zeros(length, np.int16)).any()


def test_the_last_bits_before_a_voice_do_not_make_it_begin_early() -> None:
    samples = np.concatenate([np.zeros(8000, np.int16), noise(500), np.zeros(8000, np.int16)])
    samples[[7400, 7700]] = 8
    assert speech_segments(samples, ScriptedActivity()) == (Segment(1000, 1500),)


def test_a_lost_packet_does_not_make_a_short_pause_a_long_one() -> None:
    samples = np.concatenate(
        [np.zeros(8000, np.int16), noise(500), np.full(185 * 8, 150, np.int16), noise(500, seed=2)]
    )
    samples = np.concatenate([samples, np.zeros(8000, np.int16)])
    samples[1480 * 8 : 1500 * 8] = 0
    assert speech_segments(samples, ScriptedActivity()) == (Segment(1000, 2185),)

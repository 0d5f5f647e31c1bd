import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.ports import Samples
from agents.resampling import to_int16
from calls.audio.resample import Resampler, resample


def sine(hz: float, rate_hz: int, seconds: float = 0.5) -> Samples:
    return (8000 * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype(np.int16)


@pytest.mark.parametrize(("in_hz", "out_hz"), [(8000, 16000), (24000, 8000), (22050, 8000), (16000, 24000)])
def test_a_tone_keeps_its_pitch_level_and_place(in_hz: int, out_hz: int) -> None:
    converted, expected = resample(sine(440, in_hz), in_hz, out_hz), sine(440, out_hz)
    assert abs(len(converted) - len(expected)) <= 1
    middle = slice(out_hz // 10, 4 * out_hz // 10)
    assert np.abs(converted[middle].astype(int) - expected[middle]).max() < 40


def test_what_a_lower_rate_cannot_hold_is_removed_not_folded() -> None:
    converted = resample(sine(6000, 24000), 24000, 8000)
    assert np.abs(converted[400:-400]).max() < 20


@given(st.lists(st.integers(1, 900), min_size=1, max_size=20), st.sampled_from([(24000, 8000), (8000, 16000)]))
def test_pieces_of_any_length_give_the_same_as_the_whole(lengths: list[int], rates: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    whole = random.integers(-9000, 9000, sum(lengths)).astype(np.int16)
    stream, pieces, start = Resampler(*rates), [], 0
    for number, length in enumerate(lengths, 1):
        pieces.append(stream.push(whole[start : start + length], last=number == len(lengths)))
        start += length
    expected = resample(whole, *rates)
    assert len(expected) == pytest.approx(len(whole) * rates[1] / rates[0], abs=1)
    assert np.allclose(np.concatenate(pieces), expected, rtol=0, atol=1)


def test_after_the_last_piece_the_stream_starts_afresh() -> None:
    stream, sound = Resampler(24000, 8000), sine(300, 24000)
    first = stream.push(sound, last=True)
    assert np.array_equal(first, stream.push(sound, last=True))


def test_equal_rates_pass_through() -> None:
    sound = sine(300, 8000)
    assert resample(sound, 8000, 8000) is sound


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0 Hz"):
        Resampler(0, 8000)


def test_floats_beyond_full_scale_are_clipped_not_wrapped() -> None:
    assert to_int16(np.array([0, 0.5, 1, 2, -2], np.float32)).tolist() == [0, 16384, 32767, 32767, -32768]

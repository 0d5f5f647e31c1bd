import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.ports import Samples
from calls.audio import mulaw
from calls.audio.dtmf import DtmfDetector, tones
from calls.audio.levels import peak_dbfs
from tests.agents.providers.sound import over_the_phone

EVERY_DIGIT = "0123456789*#ABCD"


def heard(samples: Samples, piece: int = 160) -> str:
    detector = DtmfDetector()
    return "".join(
        digit for start in range(0, len(samples), piece) for digit in detector.push(samples[start : start + piece])
    )


def on_the_line(samples: Samples) -> Samples:
    return mulaw.decode(mulaw.encode(samples))


def test_a_digit_lasts_as_long_as_twilios_and_w_waits_half_a_second() -> None:
    assert len(tones("1")) == 1600
    assert len(tones("1w2")) == 1600 + 4000 + 1600
    assert not tones("w").any()
    assert not tones("1")[800:].any()
    assert len(tones("")) == 0


def test_what_is_no_digit_is_refused() -> None:
    with pytest.raises(ValueError, match="'x' is no telephone digit"):
        tones("1x")


@pytest.mark.parametrize("level_dbfs", [-3.0, -12.0, -20.0])
def test_every_digit_survives_the_line_at_any_usual_level(level_dbfs: float) -> None:
    samples = on_the_line(tones(EVERY_DIGIT, level_dbfs))
    assert peak_dbfs(samples) == pytest.approx(level_dbfs, abs=1)
    assert heard(samples) == EVERY_DIGIT


def test_the_same_digit_twice_is_two_presses_and_a_long_one_is_one() -> None:
    assert heard(tones("5555")) == "5555"
    assert heard(np.concatenate([tones("5")[:800]] * 6)) == "5"


def test_a_digit_is_heard_in_noise() -> None:
    noise = np.random.default_rng(3).normal(0, 500, 16 * 1600)
    assert heard((tones(EVERY_DIGIT, -12) + noise).astype(np.int16)) == EVERY_DIGIT


def test_a_lost_frame_does_not_make_two_presses_of_one() -> None:
    samples = np.concatenate([tones("7")[:800]] * 2 + [np.zeros(800, np.int16)])
    samples[700:860] = 0
    assert heard(samples) == "7"


def test_tones_of_one_frequency_and_silence_are_no_digits() -> None:
    time_s = np.arange(16000) / 8000
    assert heard((8000 * np.sin(2 * np.pi * 941 * time_s)).astype(np.int16)) == ""
    assert heard(np.zeros(16000, np.int16)) == ""


@pytest.mark.parametrize("voice", ["hibari:heart", "hibari:deep", "hibari:high", "joe"])
async def test_speech_is_no_digit(voice: str) -> None:
    text = (
        "Press one for sales, two for support, or stay on the line. Ooh, we were all away, you know. "
        "My number is four one five, five five five, zero one two three. Mmm, really? Aah, I see. Three trees, please!"
    )
    assert heard((await over_the_phone(voice, text)).samples) == ""


@settings(max_examples=40, deadline=None)
@given(st.text(EVERY_DIGIT, max_size=8), st.integers(0, 400), st.integers(1, 700))
def test_any_digits_at_any_offset_in_pieces_of_any_length(digits: str, offset: int, piece: int) -> None:
    samples = np.concatenate([np.zeros(offset, np.int16), on_the_line(tones(digits))])
    assert heard(samples, piece) == digits


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_noise_is_no_digit(seed: int) -> None:
    assert heard(np.random.default_rng(seed).integers(-20000, 20000, 8000).astype(np.int16)) == ""

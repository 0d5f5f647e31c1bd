"""What counts as speech in a channel, and what is likely to be speech under noise, on sounds made up here."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pytest

from agents.ports import Samples
from bench._synthetic_calls import active_level as true_level
from evaluations.audibility import Contour, active_level, telephone_band
from evaluations.noise import NoisyChannel

LEVEL: Final = 0.1  # rms, full scale 1
STEPS_PER_S: Final = 200


def sine(hertz: float, seconds: float = 1.0, rms: float = LEVEL) -> npt.NDArray[np.float64]:
    wave: npt.NDArray[np.float64] = (
        rms * np.sqrt(2) * np.sin(2 * np.pi * hertz * np.arange(round(8000 * seconds)) / 8000)
    )
    return wave


def sampled(*parts: npt.NDArray[np.float64]) -> Samples:
    samples: Samples = np.round(np.concatenate(parts) * 32767).astype(np.int16)
    return samples


def silence(seconds: float) -> npt.NDArray[np.float64]:
    return np.zeros(round(8000 * seconds))


def decibels(power: float) -> float:
    return float(10 * np.log10(power))


@pytest.mark.parametrize(
    ("hertz", "gain_db", "within_db"), [(1000, 0, 0.2), (3000, 0, 0.3), (300, -6, 1), (50, -63, 3)]
)
def test_the_telephone_band_passes_speech_and_stops_hum(hertz: float, gain_db: float, within_db: float) -> None:
    heard = telephone_band(sampled(sine(hertz)))[800:-800]
    assert decibels(float(np.square(heard).mean()) / LEVEL**2) == pytest.approx(gain_db, abs=within_db)


def test_the_band_delays_nothing() -> None:
    click = np.zeros(801, np.int16)
    click[400] = 30_000
    heard = telephone_band(click)
    assert len(heard) == 801
    assert int(np.abs(heard).argmax()) == 400


@pytest.mark.parametrize("samples", [0, 1, 39, 80, 81, 4001])
def test_a_channel_of_any_length_has_one_contour(samples: int) -> None:
    contour = Contour(np.full(samples, 1000, np.int16))
    assert len(contour.power) == len(contour.lasting) == contour.steps == len(contour.within) - 1
    assert contour.audible(1e-6, 0).shape == (contour.steps,)


def test_silence_and_what_lies_below_the_margin_do_not_lower_the_active_level() -> None:
    speech = np.full(100, 1.0)
    assert active_level(np.concatenate([speech, np.zeros(900), np.full(500, 0.02)])) == pytest.approx(1.0)
    assert active_level(np.concatenate([speech, np.full(100, 0.5)])) == pytest.approx(0.75)
    assert active_level(np.zeros(10)) == active_level(np.zeros(0)) == 0.0


def test_the_active_level_is_that_of_the_benchmarks_own_computation() -> None:
    random = np.random.default_rng(3)
    shaped = random.standard_normal(16_000) * np.repeat(random.uniform(0.001, 0.1, 40), 400)
    samples = sampled(shaped)
    ours = active_level(Contour(samples).power)
    assert decibels(ours * 32768**2 / true_level(samples)) == pytest.approx(0, abs=0.5)


def test_a_click_has_to_be_louder_than_a_sound_that_lasts() -> None:
    faintest = LEVEL**2
    for seconds, louder_db, counts in ((0.01, 3.0, False), (0.01, 7.0, True), (0.05, 1.0, True), (0.05, -1.0, False)):
        sound = sine(1000, seconds, LEVEL * 10 ** (louder_db / 20))
        found = Contour(sampled(silence(0.5), sound, silence(0.5))).audible(faintest, 0)
        assert found.any() == counts, (seconds, louder_db)


# --- Under noise ------------------------------------------------------------------------------------------------------
def presence(sound: npt.NDArray[np.float64], seed: int = 1, noise_db: float = 0.0) -> npt.NDArray[np.float64]:
    """Two seconds of white noise with `sound` after the first; the probability in each step. The faintest sound that
    counts lies 5 dB under the noise."""
    noise = np.random.default_rng(seed).standard_normal(3 * 8000) * LEVEL * 10 ** (noise_db / 20)
    noise[8000 : 8000 + len(sound)] += sound
    samples = sampled(noise * 0.5)
    contour = Contour(samples)
    quiet = np.ones(contour.steps, bool)
    quiet[STEPS_PER_S - 30 : STEPS_PER_S + len(sound) // 40 + 30] = False
    return NoisyChannel(samples, quiet).presence((LEVEL * 0.5) ** 2 * 10**-0.5, 0, contour.steps)


@pytest.mark.parametrize("hertz", [200, 400, 1000, 2700])
def test_a_sound_fainter_than_the_noise_is_found_where_it_is_whatever_its_band(hertz: float) -> None:
    for seed in range(5):
        found = np.flatnonzero(presence(sine(hertz, 0.2, LEVEL * 10**-0.1), seed) > 0.5)
        assert abs(int(found[0]) - STEPS_PER_S) <= 4
        assert abs(int(found[-1]) + 1 - STEPS_PER_S * 1.2) <= 4


def test_noise_alone_is_taken_for_speech_in_less_than_one_of_a_thousand_steps() -> None:
    alarms = [float((presence(silence(0.2), seed) > 0.5).mean()) for seed in range(5)]
    assert np.mean(alarms) < 0.001


def test_a_sound_unlike_the_noise_but_below_the_margin_does_not_count() -> None:
    steps = slice(STEPS_PER_S, STEPS_PER_S + 40)
    assert (presence(sine(1000, 0.2, LEVEL * 10**-0.6), noise_db=-10)[steps] > 0.5).mean() < 0.1
    assert (presence(sine(1000, 0.2, LEVEL * 10**-0.05), noise_db=-10)[steps] > 0.5).mean() > 0.9


def test_no_loudness_is_too_much_for_the_probabilities() -> None:
    found = presence(sine(500, 0.2, LEVEL * 8), noise_db=-50)
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-9

"""Sounds of places, made from a seed: 16 s that can be repeated without a seam, with an rms of 1.

Everything is made in the telephone band (100–3,600 Hz), so that what is measured is what is heard.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from calls.audio.line.registry import SAMPLE_RATE_HZ, Signal

SECONDS: Final = 16
SAMPLES: Final = SECONDS * SAMPLE_RATE_HZ
# Formants of vowels, Hz (a, e, i, o, u), after Peterson and Barney 1952.
_VOWELS: Final = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
_CHORDS: Final = ((60, 64, 67, 71), (57, 60, 64, 67), (65, 69, 72, 76), (55, 59, 62, 65))  # Cmaj7 Am7 Fmaj7 G7

Random = np.random.Generator


def babble(random: Random, talkers: int = 7) -> Signal:
    """Several people talking at once."""
    return _finished(sum((_talker(random) for _ in range(talkers)), np.zeros(SAMPLES)))


def street(random: Random) -> Signal:
    """Traffic: a rumble that swells as cars pass, their tyres, now and then a horn."""
    rumble, tyres = _shaped_noise(random, -1.0), _shaped_noise(random, -0.3)
    passing = 0.4 + sum((_swell(random, 0.7, 2.0) for _ in range(9)), np.zeros(SAMPLES))
    sound = rumble * passing + 0.35 * tyres * passing**2
    for _ in range(2):
        _add(sound, random, _horn(random) * 0.8)
    return _finished(sound)


def office(random: Random) -> Signal:
    """Air conditioning, keyboards, people talking further off."""
    sound = _shaped_noise(random, -1.2) + 0.6 * babble(random, talkers=3)
    for _ in range(90):
        _add(sound, random, _click(random))
    return _finished(sound)


def music(random: Random) -> Signal:
    """Music on hold: chords, each a second long, and a tune over them."""
    sound = np.zeros(SAMPLES)
    for second in range(SECONDS):
        chord = _CHORDS[second // 2 % len(_CHORDS)]
        for key in chord[:3]:
            _put(sound, _tone(key - 12, 1.1), second)
        for half in (0.0, 0.5):
            _put(sound, 1.5 * _tone(int(random.choice(chord)) + 12, 0.6), second + half)
    return _finished(sound)


SCENES: Final[Mapping[str, Callable[[Random], Signal]]] = {
    "babble": babble,
    "street": street,
    "office": office,
    "music": music,
}


# --- Their parts ------------------------------------------------------------------------------------------------------
def _finished(sound: Signal) -> Signal:
    spectrum = np.fft.rfft(sound)
    spectrum[(_frequencies_hz() < 100) | (_frequencies_hz() > 3600)] = 0
    limited = np.fft.irfft(spectrum, SAMPLES)
    finished: Signal = limited / np.sqrt(np.mean(limited**2))
    return finished


def _frequencies_hz() -> Signal:
    frequencies: Signal = np.fft.rfftfreq(SAMPLES, 1 / SAMPLE_RATE_HZ).astype(np.float64)
    return frequencies


def _shaped_noise(random: Random, slope: float) -> Signal:
    """Noise whose amplitude falls with frequency to the power `slope`; without a seam, for it is periodic."""
    frequencies = np.maximum(_frequencies_hz(), 60.0)
    phases = np.exp(2j * np.pi * random.random(len(frequencies)))
    noise: Signal = np.fft.irfft(frequencies**slope * phases, SAMPLES)
    shaped: Signal = noise / np.sqrt(np.mean(noise**2))
    return shaped


def _swell(random: Random, least_s: float, most_s: float) -> Signal:
    centre, width = random.uniform(0, SECONDS), random.uniform(least_s, most_s)
    away = (np.arange(SAMPLES) / SAMPLE_RATE_HZ - centre + SECONDS / 2) % SECONDS - SECONDS / 2
    swell: Signal = random.uniform(0.4, 1.0) * np.exp(-0.5 * (away / width) ** 2)
    return swell


def _talker(random: Random) -> Signal:
    """Syllables with pauses between some of them: harmonics of a gliding pitch under three formants."""
    voice, pitch_hz = np.zeros(SAMPLES), random.uniform(90, 230)
    at_s = random.uniform(0, 0.5)
    while at_s < SECONDS:
        length_s = random.uniform(0.12, 0.3)
        _put(voice, _syllable(random, pitch_hz * random.uniform(0.85, 1.2), length_s), at_s)
        at_s += length_s + (random.uniform(0.3, 1.0) if random.random() < 0.15 else random.uniform(0.01, 0.06))
    return voice * random.uniform(0.5, 1.0)


def _syllable(random: Random, pitch_hz: float, length_s: float) -> Signal:
    formants = np.array(_VOWELS[int(random.integers(len(_VOWELS)))])
    count = int(3500 / pitch_hz)
    harmonics_hz = pitch_hz * np.arange(1, count + 1)
    resonance = (1 / (1 + ((harmonics_hz[:, None] - formants) / 90) ** 2)).sum(axis=1)
    times = np.arange(int(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * pitch_hz * (times - 0.3 * times**2)
    weights = resonance / np.arange(1, count + 1) ** 0.5
    harmonics = np.exp(1j * phase)[None, :] ** np.arange(1, count + 1)[:, None]
    syllable: Signal = (weights @ harmonics.imag) * np.hanning(len(times))
    return syllable


def _horn(random: Random) -> Signal:
    times = np.arange(int(random.uniform(0.3, 0.8) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tones: Signal = sum(
        (np.sin(2 * np.pi * hz * k * times) / k for hz in (420, 525) for k in (1, 2, 3)), np.zeros(len(times))
    )
    return tones * np.hanning(len(times)) ** 0.3


def _click(random: Random) -> Signal:
    length = int(0.02 * SAMPLE_RATE_HZ)
    click: Signal = random.normal(size=length) * np.exp(-np.arange(length) / 30) * random.uniform(0.5, 3)
    return click


def _tone(key: int, length_s: float) -> Signal:
    times = np.arange(int(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch_hz = 440 * 2 ** ((key - 69) / 12)
    tone: Signal = sum((np.sin(2 * np.pi * pitch_hz * k * times) / k**2 for k in (1, 2, 3)), np.zeros(len(times)))
    return tone * np.exp(-2.5 * times) * np.minimum(1, times / 0.01)


def _add(sound: Signal, random: Random, piece: Signal) -> None:
    _put(sound, piece, random.uniform(0, SECONDS))


def _put(sound: Signal, piece: Signal, at_s: float) -> None:
    """Mixes `piece` in; what is over the end goes on at the beginning."""
    where = (int(at_s * SAMPLE_RATE_HZ) + np.arange(len(piece))) % SAMPLES
    sound[where] += piece

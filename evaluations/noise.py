"""How likely somebody speaks, moment by moment, where noise is louder than the faintest speech. Pure.

A change-point estimate: of all ways in which speech could come and go, weighted by their prior, which share speaks at a
moment (forward-backward over a hidden Markov model, Rabiner 1989)? One state is the noise alone. The others are the
noise and a sound, of one of a few shapes of spectrum and of one of a few levels from the faintest that counts upwards.
As in Sohn, Kim and Sung, "A statistical model-based voice activity detection" (1999), the spectrum at each frequency is
complex normal: with γ the power over the noise's mean, and ξ the sound's power over it, a sound's log likelihood ratio
is Σ γ ξ/(1 + ξ) − ln(1 + ξ). A shape gathers what a faint sound has in its band, which a sum of energies hides.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples
from evaluations.audibility import BAND_HZ, PER_MS, SAMPLE_RATE_HZ, STEP_MS, WINDOW_MS, Floats

FRAME: Final = 160  # 20 ms, Hann: most of its weight lies within the step's 10 ms
BANDS_HZ: Final = (  # where a faint sound may have its energy: murmurs, vowels, bursts, hisses, all of it
    (100, 450),
    (100, 700),
    (250, 900),
    (600, 1500),
    (1000, 2200),
    (1800, 3000),
    (2400, 4000),
    (1500, 4000),
    (100, 4000),
)
SLOPE_HZ: Final = 80.0  # width of a band's edges
LEVELS_DB: Final = (
    -5.0,
    3.0,
    8.0,
    13.0,
    18.0,
    23.0,
)  # from the faintest sound that counts; below 0: a fade, not counted
INDEPENDENT: Final = 0.3  # how much a frame tells that the frames and frequencies beside it have not told
BEGINS: Final = float(np.exp(-6.0))  # prior chances in a step of 5 ms: that a sound begins …
ENDS: Final = float(np.exp(-4.0))  # … that it ends …
CHANGES: Final = float(np.exp(-2.0))  # … that it changes its shape or level

Flags = npt.NDArray[np.bool_]


class NoisyChannel:
    """A channel beside its own noise. `quiet`: shape (steps,), where only noise is; some must be True."""

    def __init__(self, samples: Samples, quiet: Flags) -> None:
        power = _spectra(samples, len(quiet))
        self._noise = power[quiet].mean(axis=0) + 1e-12
        self._relative = power / self._noise

    def presence(self, faintest: float, first: int, last: int) -> Floats:
        """The probability of speech in each step from `first` to before `last`. `faintest`: power in the band."""
        sounds = _SHAPES[:, None, :] * 10 ** (np.array(LEVELS_DB) / 10)[None, :, None] * faintest * _UNIT
        excess = sounds.reshape(-1, _SHAPES.shape[1]) / self._noise
        ratios = self._relative[first:last] @ (excess / (1 + excess)).T - np.log1p(excess).sum(axis=1)
        return _smoothed(ratios * INDEPENDENT, np.tile(np.array(LEVELS_DB) > 0, len(_SHAPES)))


def _spectra(samples: Samples, steps: int) -> Floats:
    """Power by frequency, without the direct current, in frames centred on each step's window."""
    hop = STEP_MS * PER_MS
    padded = np.zeros(max(steps * hop, len(samples)) + FRAME)
    begin = (FRAME - WINDOW_MS * PER_MS) // 2
    padded[begin : begin + len(samples)] = samples.astype(np.float64) / 32768
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::hop][:steps]
    power: Floats = np.square(np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1)[:, 1:]))
    return power


def _shapes() -> Floats:
    """Spectra whose power in the telephone band is 1: shape (sounds, frequencies)."""
    at = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE_HZ)[1:]
    bands = [np.clip(np.minimum(at - low, high - at) / SLOPE_HZ + 0.5, 0, 1) for low, high in BANDS_HZ]
    falling = np.where(at < 80, 0, 1 / (1 + np.square(at / 400)))  # 12 dB an octave, as voices do
    inside = (at >= BAND_HZ[0]) & (at <= BAND_HZ[1])
    return np.array([shape / shape[inside].sum() for shape in (*bands, falling)])


_SHAPES: Final = _shapes()
_UNIT: Final = float(np.square(np.hanning(FRAME)).sum()) * FRAME / 2  # a frame's spectrum of a power of 1 sums to it


def _smoothed(ratios: Floats, counted: Flags) -> Floats:
    """The probability of a counted sound in each step, from the log likelihood ratios of all: shape (steps, sounds)."""
    best = np.maximum(ratios.max(axis=1, initial=0), 0)
    sounds, silence = np.exp(ratios - best[:, None]), np.exp(-best)
    count = ratios.shape[1]
    begins, changes, stays = BEGINS / count, CHANGES / count, 1 - ENDS - CHANGES
    before, before_silent = _forward(sounds, silence, begins, changes, stays)
    presence, after, after_silent = np.empty(len(ratios)), np.ones(count), 1.0
    for at in range(len(ratios) - 1, -1, -1):
        likely = before[at] * after
        presence[at] = float(likely[counted].sum()) / (float(likely.sum()) + before_silent[at] * after_silent)
        weights, silent = sounds[at] * after, silence[at] * after_silent
        total = float(weights.sum())
        after, after_silent = (
            weights * stays + (changes * total + ENDS * silent),
            silent * (1 - BEGINS) + begins * total,
        )
        scale = float(after.max()) + after_silent
        after, after_silent = after / scale, after_silent / scale
    return presence


def _forward(sounds: Floats, silence: Floats, begins: float, changes: float, stays: float) -> tuple[Floats, Floats]:
    """The share of each sound, and of silence, in view of all up to each step."""
    shares, silent_shares = np.empty_like(sounds), np.empty(len(sounds))
    share, silent = np.zeros(sounds.shape[1]), 1.0
    for at in range(len(sounds)):
        total = float(share.sum())
        share = (share * stays + (changes * total + begins * silent)) * sounds[at]
        silent = (silent * (1 - BEGINS) + total * ENDS) * float(silence[at])
        scale = float(share.sum()) + silent
        share, silent = share / scale, silent / scale
        shares[at], silent_shares[at] = share, silent
    return shares, silent_shares

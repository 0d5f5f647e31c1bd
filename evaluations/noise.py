"""Where a channel sounds different from its own noise: a likelihood ratio test over frequencies. Pure.

After Sohn, Kim and Sung, "A statistical model-based voice activity detection" (1999): in each frequency the power over
the mean power of the noise, γ, gives the log likelihood ratio γ − ln γ − 1 (speech of the most likely strength against
none; 0 where γ < 1), and its mean over the frequencies says how unlike the noise a moment is. Faint voices show in few
frequencies, which a sum of energies hides. Three smoothings in time: the short one is exact, the long ones are more
sensitive; what they add is taken off their edges again.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples

STEP: Final = 80  # 10 ms
WINDOW: Final = 320  # 40 ms, Hann: half of its weight lies within 15 ms
LOWEST_BIN: Final = 2  # 50 Hz
BINS_SMOOTHED: Final = 5
STEPS_SMOOTHED: Final = (1, 3, 7)
RARE: Final = 99.0  # percentile of the noise's own ratios …
BEYOND: Final = 1.3  # … and how far beyond it, from the median, the threshold lies

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


def unlike_noise(samples: Samples, quiet: Flags) -> Flags:
    """For each 10 ms whether something sounds. `quiet`: shape (steps,), where only noise is; some must be True."""
    power = _spectra(samples, len(quiet))
    ratios = _smoothed(power / (power[quiet].mean(axis=0) + 1e-12), BINS_SMOOTHED, axis=1)
    found = np.zeros(len(quiet), bool)
    for steps in STEPS_SMOOTHED:
        found |= _narrowed(_beyond_noise(_smoothed(ratios, steps, axis=0), quiet), steps // 2)
    return found


def _spectra(samples: Samples, steps: int) -> Floats:
    """Power by frequency in windows centred on each step."""
    padded = np.zeros(steps * STEP + WINDOW, np.float32)
    begin = (WINDOW - STEP) // 2
    padded[begin : begin + len(samples)] = samples.astype(np.float32) / 32768
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::STEP][:steps]
    spectra = np.fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), axis=1)[:, LOWEST_BIN:]
    power: Floats = np.square(np.abs(spectra)).astype(np.float32)
    return power


def _smoothed(values: Floats, count: int, axis: int) -> Floats:
    """The mean of `count` (odd) neighbours; zeros beyond the ends."""
    if count == 1:
        return values
    beside = (count // 2 + 1, count // 2)
    padded = np.pad(values, [beside if at == axis else (0, 0) for at in range(values.ndim)])
    sums = np.cumsum(padded, axis=axis, dtype=np.float64)
    length = values.shape[axis]
    upper, lower = (np.take(sums, np.arange(at, at + length), axis=axis) for at in (count, 0))
    means: Floats = ((upper - lower) / count).astype(np.float32)
    return means


def _beyond_noise(ratios: Floats, quiet: Flags) -> Flags:
    above = np.maximum(ratios, 1)
    unlikeness = np.log((above - np.log(above) - 1).mean(axis=1) + 1e-3)
    median, rare = np.percentile(unlikeness[quiet], (50, RARE))
    found: Flags = unlikeness > median + BEYOND * (rare - median)
    return found


def _narrowed(found: Flags, steps: int) -> Flags:
    """True only where all within `steps` on both sides are."""
    if not steps:
        return found
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(found, steps, mode="edge"), 2 * steps + 1)
    narrowed: Flags = np.all(windows, axis=1)
    return narrowed

"""What of a channel counts as speech: its level in the telephone band, held against the active speech level. Pure.

The definition, the same on a quiet and on a noisy line: 10 ms count if their power and that of some 30 ms around them
is at most `MARGIN_DB` below the speaker's active level, all in the telephone band (300 to 3400 Hz). Margin and active
level are those of ITU-T P.56 (method B), 30 ms its time constant: a click of 10 ms has to be 5 dB louder than a sound
that lasts.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples

SAMPLE_RATE_HZ: Final = 8000
PER_MS: Final = SAMPLE_RATE_HZ // 1000
STEP_MS: Final = 5
WINDOW_MS: Final = 10
LASTING_MS: Final = 30
MARGIN_DB: Final = 15.9
BAND_HZ: Final = (300, 3400)
SILENT: Final = 0.5  # of the faintest power that counts
TAPS: Final = 81  # of the band's filter: half of it reaches 5 ms to each side, its weight lies within 1 ms
ROUNDS: Final = 20  # the active level is found long before

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Run = tuple[int, int]  # steps, from–to (exclusive)


class Contour:
    """A channel's power in the band, full scale = 1, in steps of 5 ms.

    `power`: of the 10 ms from each step on, shape (steps,); `lasting`: of the loudest 30 ms that hold them; `within`:
    of each 5 ms, shape (steps + 1,).
    """

    def __init__(self, samples: Samples) -> None:
        self.steps = max(1, -(-len(samples) // (STEP_MS * PER_MS)) - 1)
        before = LASTING_MS - WINDOW_MS
        padding = (before * PER_MS, (LASTING_MS + STEP_MS) * PER_MS)
        sums = np.concatenate([[0.0], np.cumsum(np.pad(np.square(telephone_band(samples)), padding))])
        begins = np.arange(0, before + (self.steps + 1) * STEP_MS, STEP_MS) * PER_MS
        within, short, long = (_means(sums, begins, length_ms) for length_ms in (STEP_MS, WINDOW_MS, LASTING_MS))
        skipped = before // STEP_MS
        self.within, self.power = within[skipped:], short[skipped:-1]
        self.lasting: Floats = np.lib.stride_tricks.sliding_window_view(long[:-1], skipped + 1).max(axis=1)

    def audible(self, faintest: float, noise: float) -> Flags:
        """Shape (steps,): whether the 10 ms from each step on count, `noise` being the mean power added to speech."""
        flags: Flags = (self.power >= faintest + noise) & (self.lasting >= faintest + noise)
        return flags

    def trimmed(self, run: Run, faintest: float, noise: float) -> Run:
        """Without the outer 5 ms of a run of steps that are much fainter: 10 ms reach over a sudden edge."""
        first, last = run[0], run[1] + 1
        silent = faintest * SILENT + noise
        return first + int(self.within[first] < silent), last - int(self.within[last - 1] < silent)


def _means(sums: Floats, begins: npt.NDArray[np.int64], length_ms: int) -> Floats:
    means: Floats = np.maximum(sums[begins + length_ms * PER_MS] - sums[begins], 0) / (length_ms * PER_MS)
    return means


def telephone_band(samples: Samples) -> Floats:
    """The channel filtered, in phase (a windowed sinc, symmetric); shape and times as they were."""
    at = np.arange(TAPS) - TAPS // 2
    low, high = (2 * cut / SAMPLE_RATE_HZ * np.sinc(2 * cut / SAMPLE_RATE_HZ * at) for cut in BAND_HZ)
    if not len(samples):
        return np.zeros(0)
    filtered = np.convolve(samples.astype(np.float64) / 32768, (high - low) * np.hamming(TAPS))
    heard: Floats = filtered[TAPS // 2 : TAPS // 2 + len(samples)]
    return heard


def active_level(power: Floats) -> float:
    """The mean of the powers that are at most `MARGIN_DB` below just this mean; 0 for none."""
    if not len(power):
        return 0.0
    level = float(np.percentile(power, 95))
    for _ in range(ROUNDS):
        level = float(power[power >= level * 10 ** (-MARGIN_DB / 10)].mean())
    return level

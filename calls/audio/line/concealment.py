"""What a receiver plays instead of a lost frame.

As in ITU-T G.711 Appendix I: the last pitch period is repeated, at full level for 10 ms, then 20 % weaker every 10 ms,
and nothing after 60 ms. (Its overlap-add at the joints is left out: a joint is one of the faults that one hears.)
"""

from typing import Final

import numpy as np

from calls.audio.line.registry import FRAME_SAMPLES, SAMPLE_RATE_HZ, Signal

_SHORTEST: Final = SAMPLE_RATE_HZ // 200  # 5 ms
_LONGEST: Final = SAMPLE_RATE_HZ * 15 // 1000
_COMPARED: Final = SAMPLE_RATE_HZ * 20 // 1000
_STEP: Final = SAMPLE_RATE_HZ // 100


class Silencer:
    """No concealment: a lost frame is silence. `lost_frames`: so many so far."""

    def __init__(self) -> None:
        self.lost_frames = 0

    def received(self, frame: Signal) -> Signal:
        return frame

    def lost(self) -> Signal:
        self.lost_frames += 1
        return np.zeros(FRAME_SAMPLES)


class Concealer:
    def __init__(self) -> None:
        self._heard = np.zeros(_LONGEST + _COMPARED)
        self._period = np.zeros(1)
        self._lost_samples = 0
        self.lost_frames = 0

    def received(self, frame: Signal) -> Signal:
        self._heard = np.concatenate([self._heard, frame])[-len(self._heard) :]
        self._lost_samples = 0
        return frame

    def lost(self) -> Signal:
        self.lost_frames += 1
        if self._lost_samples == 0:
            self._period = self._heard[-_pitch_lag(self._heard) :]
        at = self._lost_samples + np.arange(FRAME_SAMPLES)
        self._lost_samples += FRAME_SAMPLES
        weights = np.clip(1.0 - 0.2 * (at // _STEP), 0.0, 1.0)
        frame: Signal = self._period[at % len(self._period)] * weights
        return frame


def _pitch_lag(heard: Signal) -> int:
    """The lag, in samples, at which the last 20 ms are most like what was before them."""
    newest = heard[-_COMPARED:]
    lags = np.arange(_SHORTEST, _LONGEST + 1)
    older = np.stack([heard[len(heard) - _COMPARED - lag : len(heard) - lag] for lag in lags])
    energy = np.sqrt((older**2).sum(axis=1)) + 1.0
    return int(lags[np.argmax(older @ newest / energy)])

"""A queue of samples: what was sent some time ago."""

import numpy as np

from calls.audio.line.registry import Signal


class DelayLine:
    """Gives each sample back `samples` later; silence before the first."""

    def __init__(self, samples: int) -> None:
        self._kept = np.zeros(samples)

    def __call__(self, signal: Signal) -> Signal:
        joined = np.concatenate([self._kept, signal])
        self._kept = joined[len(signal) :]
        return joined[: len(signal)]

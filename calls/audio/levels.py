"""How loud: levels in dBFS, where 0 dBFS is a full-scale square wave (a full-scale sine has −3 dBFS rms)."""

from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples

FULL_SCALE: Final = 32768.0
FLOOR_DBFS: Final = -100.0  # digital silence, and all that is below
CONTOUR_MS: Final = 10


def rms_dbfs(samples: Samples) -> float:
    """10·log10(mean of squares / full scale²); FLOOR_DBFS for no samples."""
    if not len(samples):
        return FLOOR_DBFS
    return float(_dbfs(np.square(samples, dtype=np.float64).mean(keepdims=True))[0])


def peak_dbfs(samples: Samples) -> float:
    if not len(samples):
        return FLOOR_DBFS
    return float(_dbfs(np.square(samples, dtype=np.float64).max(keepdims=True))[0])


def contour_dbfs(samples: Samples, sample_rate_hz: int = 8000, window_ms: int = CONTOUR_MS) -> npt.NDArray[np.float64]:
    """The rms level of each full window: shape (len(samples) // window,)."""
    window = sample_rate_hz * window_ms // 1000
    count = len(samples) // window
    windows = samples[: count * window].reshape(count, window)
    return _dbfs(np.square(windows, dtype=np.float64).mean(axis=1))


def _dbfs(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    least = FULL_SCALE**2 * 10 ** (FLOOR_DBFS / 10)
    levels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, least) / FULL_SCALE**2)
    return levels

"""The outline of a recording, for drawing: the greatest level in each column of time."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calls.audio import wav
from calls.models import Recording
from calls.recordings import path_of

COLUMN_MS = 40
MAX_COLUMNS = 1500  # a channel, so that a long call's page stays light


@dataclass(frozen=True, slots=True)
class Peaks:
    """Levels from 0 to 1, one tuple a channel; a column stands for `column_ms` of time. Of a mono recording, both
    sides together are in `caller`, and `agent` is empty."""

    column_ms: float
    duration_ms: float
    caller: tuple[float, ...]
    agent: tuple[float, ...]


def peaks_of(recording: Recording) -> Peaks | None:
    """None where there is no finished recording to draw."""
    if recording.state != Recording.State.READY:
        return None
    path = path_of(recording)
    if path is None:
        return None
    return _peaks(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _peaks(path: Path, _changed_ns: int) -> Peaks:
    frames, rate = wav.read(path)
    duration_ms = 1000 * len(frames) / rate
    column_ms = max(COLUMN_MS, duration_ms / MAX_COLUMNS)
    step = max(1, round(rate * column_ms / 1000))
    caller, *agent = (_outline(channel, step) for channel in frames.reshape(len(frames), -1).T)
    return Peaks(column_ms, duration_ms, caller, agent[0] if agent else ())


def _outline(samples: npt.NDArray[np.int16], step: int) -> tuple[float, ...]:
    """samples: shape (n,). Scaled by the channel's own loudest column, so that a quiet line can be read too."""
    levels = np.abs(samples.astype(np.int32))
    padded = np.pad(levels, (0, -len(levels) % step)).reshape(-1, step)
    columns = padded.max(axis=1) if len(padded) else np.zeros(0, dtype=np.int32)
    loudest = max(1, int(columns.max(initial=0)))
    return tuple(np.round(columns / loudest, 3).tolist())

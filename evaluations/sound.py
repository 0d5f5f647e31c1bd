"""How a channel sounds: level, noise, clipping. Pure."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from agents.ports import Samples
from calls.audio.levels import contour_dbfs, rms_dbfs
from evaluations.record import Segment, Sound

PER_MS: Final = 8
STEP_MS: Final = 10
MARGIN_MS: Final = 100  # around speech, where its echo and fade are not yet noise
# μ-law ends at 32,124; whatever reaches it was cut there or by what came before.
FULL_SCALE: Final = 32_000
CLIPPED_RUN: Final = 3


def sound_of(channel: Samples, speech: Sequence[Segment]) -> Sound:
    """`channel`: shape (n,), int16, 8 kHz."""
    spoken = [channel[each.start_ms * PER_MS : each.end_ms * PER_MS] for each in speech]
    samples = np.concatenate(spoken) if spoken else channel[:0]
    contour = contour_dbfs(channel)
    outside = np.ones(len(contour), bool)
    for each in speech:
        outside[max(0, each.start_ms - MARGIN_MS) // STEP_MS : (each.end_ms + MARGIN_MS) // STEP_MS + 1] = False
    return Sound(
        round(rms_dbfs(samples), 1) if len(samples) else None,
        round(float(np.median(contour[outside])), 1) if outside.any() else None,
        round(_clipped(samples) / len(samples), 6) if len(samples) else 0.0,
    )


def _clipped(samples: Samples) -> int:
    """How many samples lie in runs of at least `CLIPPED_RUN` at full scale."""
    full = np.concatenate([[0], (np.abs(samples.astype(np.int32)) >= FULL_SCALE).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(full))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= CLIPPED_RUN].sum())

"""Lost packets in a recording. Pure.

What a line lost is exact silence of a packet's length in the midst of sound. Measured as it is, it would cut a word or
make a short pause a long one. So it is filled, for the measuring only, with what lies before it and after it, mirrored
and faded over. Silence of other lengths stays as it is, and so does silence between a sound and next to nothing (the
last bits before a voice begins look like that): there nobody can tell a lost packet.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples

SHORTEST: Final = 120  # 15 ms: packets are of 20 ms, or were before a change of the sample rate smeared their edges
LONGEST: Final = 488  # 61 ms: three packets, and the zeros that happen to lie beside them
ALIKE: Final = 1000.0  # 30 dB: what lies before a gap and after it is at most so many times as powerful as the other


def bridged(samples: Samples) -> Samples:
    """The same, with short gaps filled. `samples`: shape (n,), int16, 8 kHz."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], samples == 0, [False]]).astype(np.int8)))
    begins, ends = changes[::2], changes[1::2]
    lengths = ends - begins
    is_gap = (lengths >= SHORTEST) & (lengths <= LONGEST) & (begins >= LONGEST) & (ends <= len(samples) - LONGEST)
    if not is_gap.any():
        return samples
    filled = samples.copy()
    for begin, end in zip(begins[is_gap].tolist(), ends[is_gap].tolist(), strict=True):
        before, after = samples[2 * begin - end : begin].astype(float), samples[end : 2 * end - begin].astype(float)
        if _are_alike(before, after):
            filled[begin:end] = _faded_over(before[::-1], after[::-1])
    return filled


def _are_alike(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> bool:
    powers = sorted((float(before @ before), float(after @ after)))
    return powers[1] <= ALIKE * powers[0]


def _faded_over(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> Samples:
    share = (np.arange(len(before)) + 0.5) / len(before)
    mixed = before * np.sqrt(1 - share) + after * np.sqrt(share)
    filling: Samples = np.round(mixed).clip(-32768, 32767).astype(np.int16)
    return filling

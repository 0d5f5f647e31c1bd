"""Sample rate conversion with libsoxr. Pure; beside the ports because ears and voices need it as calls do."""

import numpy as np
import numpy.typing as npt
import soxr

from agents.ports import Samples


class Resampler:
    """A stream from `in_hz` to `out_hz`; equal rates pass through.

    The filter looks ahead, so the first pushes give less than they take; `last` gives the rest and starts afresh.
    """

    def __init__(self, in_hz: int, out_hz: int) -> None:
        if in_hz <= 0 or out_hz <= 0:
            raise ValueError(f"Sample rates are above 0 Hz, not {in_hz} and {out_hz}.")
        # Floats inside: soxr dithers int16, and the same input must give the same output.
        self._stream = None if in_hz == out_hz else soxr.ResampleStream(in_hz, out_hz, 1, dtype="float32")

    def push(self, samples: Samples, *, last: bool = False) -> Samples:
        if self._stream is None:
            return samples
        converted = _to_int16(self._stream.resample_chunk(samples.astype(np.float32), last))
        if last:
            self._stream.clear()
        return converted


def resample(samples: Samples, in_hz: int, out_hz: int) -> Samples:
    """All of a sound at once: shape (n,) to about (n × out_hz / in_hz,)."""
    return Resampler(in_hz, out_hz).push(samples, last=True)


def to_int16(wave: npt.NDArray[np.float32]) -> Samples:
    """Float samples from −1 to 1 as 16-bit PCM; what lies outside is clipped."""
    return _to_int16(wave * np.float32(32767))


def _to_int16(wave: npt.NDArray[np.float32]) -> Samples:
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)

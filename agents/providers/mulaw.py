"""16-bit PCM → 8 kHz μ-law (ITU-T G.711), which Realtime sessions take as it comes from the phone line."""

import numpy as np
import numpy.typing as npt
import soxr

from agents.ports import Audio, Samples

RATE_HZ = 8000
_BIAS = 0x84
_CLIP = 32_635


def encode(samples: Samples) -> bytes:
    """G.711: bias 132, 3 bits of exponent, 4 of mantissa, all bits inverted. One byte a sample."""
    wide = samples.astype(np.int32)
    sign = np.where(wide < 0, 0x80, 0)
    magnitude = np.minimum(np.abs(wide), _CLIP) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    encoded: npt.NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return encoded.tobytes()


class Encoder:
    """Audio of one rate in pieces → μ-law, resampled without clicks between the pieces."""

    def __init__(self) -> None:
        self._resampler: soxr.ResampleStream | None = None
        self._rate_hz = RATE_HZ

    def push(self, audio: Audio) -> bytes:
        if audio.sample_rate_hz == RATE_HZ:
            return encode(audio.samples)
        if self._resampler is None or self._rate_hz != audio.sample_rate_hz:
            self._rate_hz = audio.sample_rate_hz
            self._resampler = soxr.ResampleStream(audio.sample_rate_hz, RATE_HZ, 1, dtype="int16")
        return encode(self._resampler.resample_chunk(audio.samples))

"""G.711 μ-law, the code of the telephone line: 8 bits a sample, by table.

The values are those of ITU-T G.711 table 2 (the closed form is the one of Sun's reference code): 14-bit magnitude plus
a bias of 33, a segment of three bits, four bits within it, all bits inverted.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples

SILENCE_BYTE: Final = 0xFF  # the sample 0

_BIAS: Final = 33
_CLIP: Final = 8158  # the last magnitude of the last segment


def _encode_table() -> npt.NDArray[np.uint8]:
    """The code of each 16-bit sample, indexed by its two's complement bits: shape (65536,)."""
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 2
    magnitude = np.minimum(np.abs(samples), _CLIP) + _BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    table: npt.NDArray[np.uint8] = (code ^ np.where(samples < 0, 0x7F, 0xFF)).astype(np.uint8)
    return table


def _decode_table() -> Samples:
    """The 16-bit sample of each code: shape (256,)."""
    code = ~np.arange(256, dtype=np.uint8)
    segment = ((code >> 4) & 0x07).astype(np.int32)
    magnitude = ((((code & 0x0F).astype(np.int32) << 1) + _BIAS) << segment) - _BIAS
    return (np.where(code & 0x80, -magnitude, magnitude) << 2).astype(np.int16)


_ENCODE: Final = _encode_table()
_DECODE: Final = _decode_table()


def encode(samples: Samples) -> bytes:
    """16-bit PCM, shape (n,), as n bytes of μ-law."""
    if samples.dtype != np.int16:
        raise TypeError(f"μ-law is made of int16 samples, not {samples.dtype}.")
    return _ENCODE.take(np.ascontiguousarray(samples).view(np.uint16)).tobytes()


def decode(payload: bytes) -> Samples:
    """n bytes of μ-law as 16-bit PCM, shape (n,)."""
    return _DECODE.take(np.frombuffer(payload, np.uint8))


def silence(samples: int) -> bytes:
    return bytes([SILENCE_BYTE]) * samples

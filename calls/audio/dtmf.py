"""Telephone digits as tones (ITU-T Q.23) and back (within Q.24: tones from about 50 ms, pauses from about 50 ms)."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples

SAMPLE_RATE_HZ: Final = 8000
ON_MS: Final = 100
OFF_MS: Final = 100
WAIT_MS: Final = 500
LEVEL_DBFS: Final = -6.0

_LOW_HZ: Final = (697, 770, 852, 941)
_HIGH_HZ: Final = (1209, 1336, 1477, 1633)
_KEYS: Final = ("123A", "456B", "789C", "*0#D")
_FREQUENCIES: Final = {
    key: (low, high) for low, row in zip(_LOW_HZ, _KEYS, strict=True) for high, key in zip(_HIGH_HZ, row, strict=True)
}


def tones(digits: str, level_dbfs: float = LEVEL_DBFS) -> Samples:
    """The digits as 8 kHz audio, 100 ms each and 100 ms of silence after it; `w` waits 500 ms. Peak at `level_dbfs`.

    Raises ValueError for anything but 0-9, *, #, A-D and w.
    """
    pieces = [_tone(digit, level_dbfs) for digit in digits]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)


def _tone(digit: str, level_dbfs: float) -> Samples:
    if digit == "w":
        return np.zeros(_samples(WAIT_MS), np.int16)
    if digit not in _FREQUENCIES:
        raise ValueError(f"{digit!r} is no telephone digit: write 0-9, *, #, A-D, or w to wait.")
    time_s = np.arange(_samples(ON_MS)) / SAMPLE_RATE_HZ
    low, high = (np.sin(2 * np.pi * hz * time_s) for hz in _FREQUENCIES[digit])
    sound = (low + high) / 2 * 32767 * 10 ** (level_dbfs / 20)
    return np.concatenate([sound.astype(np.int16), np.zeros(_samples(OFF_MS), np.int16)])


def _samples(duration_ms: int) -> int:
    return duration_ms * SAMPLE_RATE_HZ // 1000


# --- Hearing ----------------------------------------------------------------------------------------------------------
_BLOCK: Final = 205  # the block of the classic Goertzel detector: resolves neighbours 73 Hz apart
_HOP: Final = 80
_BASIS: Final = np.exp(-2j * np.pi * np.outer(np.arange(_BLOCK), (*_LOW_HZ, *_HIGH_HZ)) / SAMPLE_RATE_HZ)
_LEAST_POWER: Final = (32768 * 10 ** (-40 / 20)) ** 2
_PURITY: Final = 0.8  # of a block's power that lies in the two tones; speech spreads its power
_TWIST: Final = 10 ** (8 / 10)  # one tone may be 8 dB above the other
_ABOVE_OTHERS: Final = 10 ** (8 / 10)
_BLOCKS_TO_PRESS: Final = 3
_BLOCKS_TO_RELEASE: Final = 5  # bridges one lost frame of 20 ms within a tone


class DtmfDetector:
    """Hears digits in 8 kHz audio: each press once, while it lasts."""

    def __init__(self) -> None:
        self._rest: Samples = np.zeros(0, np.int16)
        self._candidate = ""
        self._seen = 0
        self._pressed = ""
        self._missed = 0

    def push(self, samples: Samples) -> list[str]:
        """Audio of any length; returns the digits whose press was recognised in it."""
        self._rest = np.concatenate([self._rest, samples])
        count = (len(self._rest) - _BLOCK) // _HOP + 1
        if count <= 0:
            return []
        blocks = np.lib.stride_tricks.sliding_window_view(self._rest, _BLOCK)[: count * _HOP : _HOP]
        self._rest = self._rest[count * _HOP :]
        return [digit for heard in _digits(blocks.astype(np.float64)) if (digit := self._step(heard))]

    def _step(self, heard: str) -> str:
        """One block: the digit that is in it or "". Returns the digit if it is pressed now."""
        self._seen = self._seen + 1 if heard == self._candidate else 1
        self._candidate = heard
        self._missed = 0 if heard and heard == self._pressed else self._missed + 1
        if self._missed >= _BLOCKS_TO_RELEASE:
            self._pressed = ""
        if not heard or heard == self._pressed or self._seen < _BLOCKS_TO_PRESS:
            return ""
        self._pressed, self._missed = heard, 0
        return heard


def _digits(blocks: npt.NDArray[np.float64]) -> Iterator[str]:
    """The digit in each block, or "". `blocks`: shape (n, 205)."""
    total: list[float] = np.square(blocks).mean(axis=1).tolist()
    if max(total) <= _LEAST_POWER:
        yield from [""] * len(total)
        return
    powers = 2 * np.square(np.abs(blocks @ _BASIS)) / _BLOCK**2  # of a sine at each frequency: shape (n, 8)
    # Eight numbers a block: Python's own are faster here than arrays.
    for power, tone_powers in zip(total, powers.tolist(), strict=True):
        yield _digit(power, tone_powers) if power > _LEAST_POWER else ""


def _digit(total: float, powers: list[float]) -> str:
    low, high = powers[:4], powers[4:]
    strongest_low, strongest_high = max(low), max(high)
    if strongest_low + strongest_high < _PURITY * total:
        return ""
    balanced = max(strongest_low, strongest_high) <= _TWIST * min(strongest_low, strongest_high)
    if not balanced or not _stands_out(low) or not _stands_out(high):
        return ""
    return _KEYS[low.index(strongest_low)][high.index(strongest_high)]


def _stands_out(powers: list[float]) -> bool:
    second, best = sorted(powers)[-2:]
    return best >= _ABOVE_OTHERS * second

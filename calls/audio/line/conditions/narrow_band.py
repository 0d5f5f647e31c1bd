"""Only the middle frequencies pass: an old handset, a cheap codec.

A linear-phase FIR filter by the window method (Hamming, 161 taps: 10 ms of delay, 53 dB stop band, transitions 165 Hz
wide); −6 dB at the edges.
"""

from typing import Final

import numpy as np

from calls.audio.line.registry import SAMPLE_RATE_HZ, Filter, Signal, number, register

TAPS: Final = 161


@register("narrow band", label="Only the middle frequencies pass")
class NarrowBand:
    low_hz: float = number(0, 2000, default=300.0)
    high_hz: float = number(500, 4000, default=3000.0)

    def __post_init__(self) -> None:
        if self.high_hz < self.low_hz + 300:
            raise ValueError("high_hz must be at least 300 above low_hz.")

    def make(self, random: np.random.Generator) -> Filter:
        taps = band_pass(self.low_hz, self.high_hz)
        kept = np.zeros(TAPS - 1)

        def passed(sent: Signal, heard: Signal) -> Signal:
            nonlocal kept
            joined = np.concatenate([kept, sent])
            kept = joined[-(TAPS - 1) :]
            return np.convolve(joined, taps, mode="valid")

        return passed


def band_pass(low_hz: float, high_hz: float) -> Signal:
    at = np.arange(TAPS) - TAPS // 2
    low, high = (2 * edge_hz / SAMPLE_RATE_HZ for edge_hz in (low_hz, high_hz))
    ideal = high * np.sinc(high * at) - low * np.sinc(low * at)
    taps: Signal = ideal * np.hamming(TAPS)
    return taps

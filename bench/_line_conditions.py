"""The lines that the synthetic calls go over: μ-law, and noise or lost packets at known strengths."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples
from bench._synthetic_calls import LEVEL, RATE_HZ, Random
from calls.audio import mulaw

Line = Callable[[Samples, Random], Samples]
PACKET: Final = 160  # 20 ms
LOST: Final = 0.03


def on_the_line(samples: Samples) -> Samples:
    return mulaw.decode(mulaw.encode(samples))


def clean(samples: Samples, random: Random) -> Samples:
    return on_the_line(samples)


def noisy(snr_db: float) -> Line:
    """Speech at LEVEL, noise `snr_db` under it: white or pink, by chance."""

    def line(samples: Samples, random: Random) -> Samples:
        noise = random.standard_normal(len(samples))
        if random.integers(2):
            noise = _pink(noise)
        noise *= LEVEL * 10 ** (-snr_db / 20) / noise.std()
        return on_the_line(np.clip(samples + noise, -32768, 32767).astype(np.int16))

    return line


def _pink(noise: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """−3 dB an octave, from 50 Hz on."""
    spectrum = np.fft.rfft(noise)
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(len(noise), 1 / RATE_HZ), 50))
    pink: npt.NDArray[np.float64] = np.fft.irfft(spectrum, len(noise))
    return pink


def lossy(conceal: bool) -> Line:
    """3 % of the packets of 20 ms lost, one by one: silence instead, or the packet before, fading (3 dB each)."""

    def line(samples: Samples, random: Random) -> Samples:
        heard = on_the_line(samples)
        packets = heard[: len(heard) // PACKET * PACKET].reshape(-1, PACKET)
        for at in np.flatnonzero(random.random(len(packets)) < LOST):
            packets[at] = (packets[at - 1] * 0.7).astype(np.int16) if conceal and at else 0
        return heard

    return line


LINES: Final[dict[str, Line]] = {
    "clean": clean,
    "noise 20 dB": noisy(20),
    "noise 10 dB": noisy(10),
    "loss 3 %": lossy(conceal=False),
    "loss 3 %, concealed": lossy(conceal=True),
}
